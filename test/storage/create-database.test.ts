import pg from 'pg';
import t from 'tap';
import { createDatabaseIfMissing } from '../../src/storage/create-database.ts';
import { createDatabase } from '../support/database.ts';

/** Creates a role for the test, and names databases that are dropped with it. */
async function setUp(t: Parameters<typeof createDatabase>[0], attributes: string) {
  const { url, client } = await createDatabase(t, { empty: true });
  const role = `gatehouse_maker_${process.pid}`;
  await client.query(`CREATE ROLE ${role} LOGIN ${attributes} PASSWORD 'maker'`);
  const prefix = new URL(url).pathname.slice(1);
  t.teardown(async () => {
    const { rows } = await client.query<{ datname: string }>(
      'SELECT datname FROM pg_database WHERE starts_with(datname, $1)',
      [`${prefix} `],
    );
    for (const { datname } of rows) await client.query(`DROP DATABASE ${client.escapeIdentifier(datname)}`);
    await client.query(`DROP ROLE ${role}`);
  });
  const urlOf = (name: string) => {
    const theirs = new URL(url);
    theirs.username = role;
    theirs.password = 'maker';
    theirs.pathname = `/${encodeURI(`${prefix} ${name}`)}`;
    return theirs.href;
  };
  return { role, prefix, urlOf, existing: url };
}

t.test('a database that is missing is created, by a role that may', async (t) => {
  const { prefix, urlOf, existing } = await setUp(t, 'CREATEDB');
  for (const name of ['plain', 'it\'s "quoted"', 'ünïcode', 'a%20b', 'a/b:c@d;e&f=g+h', 'UPPER']) {
    await t.test(name, async (t) => {
      const url = urlOf(name);
      t.equal(await createDatabaseIfMissing(url), true);
      t.equal(await createDatabaseIfMissing(url), false);
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      const { rows } = await client.query(
        `SELECT current_database() AS name, current_setting('server_encoding') AS encoding`,
      );
      await client.end();
      t.strictSame(rows, [{ name: `${prefix} ${name}`, encoding: 'UTF8' }]);
    });
  }

  await t.test('with parameters in the URL', async (t) => {
    const url = `${urlOf('with parameters')}?sslmode=disable&application_name=mine`;
    t.equal(await createDatabaseIfMissing(url), true);
    t.equal(await createDatabaseIfMissing(url), false);
  });

  await t.test('by one of many at once', async (t) => {
    const url = urlOf('many');
    const created = await Promise.all(Array.from({ length: 8 }, () => createDatabaseIfMissing(url)));
    t.equal(created.filter(Boolean).length, 1);
  });

  await t.test('and one that exists is left alone', async (t) => {
    t.equal(await createDatabaseIfMissing(existing), false);
  });
});

t.test('a role that may not create databases is told so', async (t) => {
  const { role, prefix, urlOf } = await setUp(t, 'NOCREATEDB');
  await t.rejects(createDatabaseIfMissing(urlOf('missing')), {
    name: 'MissingDatabaseError',
    message: `The database "${prefix} missing" does not exist and could not be created by the role "${role}": permission denied to create database`,
  });
});

t.test('what else goes wrong passes through', async (t) => {
  const { urlOf } = await setUp(t, 'CREATEDB');
  await t.rejects(createDatabaseIfMissing(urlOf('x').replace(':maker@', ':wrong@')), { code: '28P01' });
  await t.rejects(createDatabaseIfMissing('postgres://u:p@127.0.0.1:1/x'), { code: 'ECONNREFUSED' });
  const encrypted = `${urlOf('encrypted')}?sslmode=verify-full`;
  // Where the server offers TLS, its certificate is not one that we know
  await t.rejects(createDatabaseIfMissing(encrypted), /SSL|certificate|altnames/i);
});
