import pg from 'pg';
import t from 'tap';
import { databaseUrl } from '../../src/config/config.ts';
import { createDatabase } from '../support/database.ts';
import { problemsOf, read } from '../support/settings.ts';

t.test('the DB_ settings', async (t) => {
  const all = { DB_HOST: 'h', DB_NAME: 'n', DB_USER: 'u', DB_PASSWORD: 'p' };
  t.equal(databaseUrl(read({})), undefined);
  t.equal(databaseUrl(read(all)), 'postgres://u:p@h:5432/n');
  t.equal(databaseUrl(read({ ...all, DB_HOST: '::1', DB_PORT: '6432' })), 'postgres://u:p@[::1]:6432/n');
  t.equal(databaseUrl(read({ ...all, DATABASE_URL: 'postgres://wins/x' })), 'postgres://wins/x');
  t.equal(
    new pg.Client(databaseUrl(read({ ...all, DB_HOST: '/var/run/postgresql' }))).host,
    '/var/run/postgresql',
  );
  for (const name of Object.keys(all)) {
    t.match(problemsOf({ ...all, [name]: '' }), [`${name} is missing: the DB_ settings work together`]);
    t.equal(
      problemsOf({ NODE_ENV: 'production', ...all, [name]: '' }).filter((each) => /DB_|DATABASE/.test(each))
        .length,
      1,
    );
  }
  t.strictSame(problemsOf({ ...all, DB_NAME: 'a#b' }), ['DB_NAME must not contain "?" or "#"']);

  await t.test('lead to the database whatever its name and password are', async (t) => {
    const { url, client } = await createDatabase(t, { empty: true });
    const password = `@:/?#% +&=\\'"ü${process.pid}`;
    const role = `gatehouse @:/?#% ${process.pid}`;
    const name = `${new URL(url).pathname.slice(1)} a b/c:d@%41`;
    await client.query(
      `CREATE ROLE ${client.escapeIdentifier(role)} LOGIN PASSWORD ${client.escapeLiteral(password)}`,
    );
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
    t.teardown(async () => {
      await client.query(`DROP DATABASE ${client.escapeIdentifier(name)}`);
      await client.query(`DROP ROLE ${client.escapeIdentifier(role)}`);
    });
    const { hostname, port } = new URL(url);
    const settings = read({
      DB_HOST: hostname,
      DB_PORT: port || '5432',
      DB_NAME: name,
      DB_USER: role,
      DB_PASSWORD: password,
    });
    const theirs = new pg.Client({ connectionString: databaseUrl(settings) });
    await theirs.connect();
    const { rows } = await theirs.query('SELECT current_user AS role, current_database() AS name');
    await theirs.end();
    t.strictSame(rows, [{ role, name }]);
  });
});
