import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import t from 'tap';
import { createDatabase } from '../support/database.ts';
import { freePort, production, ready, run } from '../support/gatehouse-process.ts';
import { createLegacyTables } from '../support/legacy.ts';
import { dump } from '../support/schema-dump.ts';

/** The URL of a database that does not exist yet; dropped with the test if it then does. */
async function missingDatabase(t: Parameters<typeof createDatabase>[0], name: string): Promise<string> {
  const { url, client } = await createDatabase(t, { empty: true });
  const missing = new URL(url);
  missing.pathname = `${missing.pathname}${encodeURI(name)}`;
  t.teardown(async () => {
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    const database = decodeURI(missing.pathname.slice(1));
    await admin.query(`DROP DATABASE IF EXISTS ${admin.escapeIdentifier(database)} WITH (FORCE)`);
    await admin.end();
  });
  await client.query('SELECT 1');
  return missing.href;
}

async function ask(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(sql);
  await client.end();
  return rows;
}

t.test('ten processes at once on a database that does not exist', async (t) => {
  const url = await missingDatabase(t, '_ten');
  const ports = [await freePort(), await freePort()];
  const servers = ports.map((port) => run(t, 'server.js', { env: production(url, port) }));
  const migrations = Array.from({ length: 8 }, () => run(t, 'migrate.js', { env: { DATABASE_URL: url } }));
  for (const migration of migrations) {
    t.strictSame(await migration.ended, { code: 0, signal: null }, migration.stderr());
  }
  for (const [index, server] of servers.entries()) await ready(server, ports[index] ?? 0);
  const said = [...servers, ...migrations].map((each) => each.stdout()).join('');
  t.equal(said.match(/has been created/g)?.length, 1, 'one created the database');
  t.equal(said.match(/applied migration 0001/g)?.length, 1, 'one applied each migration');
  t.equal(said.match(/applied migration 0002/g)?.length, 1);
  t.strictSame(await ask(url, 'SELECT name FROM pgmigrations ORDER BY id'), [
    { name: '0001_python-tables' },
    { name: '0002_accounts-and-sessions' },
    { name: '0003_open-session' },
    { name: '0004_expired-sessions' },
  ]);
  for (const server of servers) server.child.kill('SIGTERM');
  for (const server of servers) t.strictSame(await server.ended, { code: 0, signal: null });
});

t.test('npm run migrate', async (t) => {
  await t.test('works alone, and a second time does nothing', async (t) => {
    const url = await missingDatabase(t, ' with "quotes", 100% ünïcode & a space');
    const first = run(t, 'migrate.js', { env: { DATABASE_URL: url } });
    t.strictSame(await first.ended, { code: 0, signal: null });
    t.match(first.stdout(), /has been created\napplied migration 0001.*\napplied migration 0002/);
    const second = run(t, 'migrate.js', {
      env: { DATABASE_URL: `${url}?sslmode=disable&connect_timeout=3` },
    });
    t.strictSame(await second.ended, { code: 0, signal: null });
    t.equal(second.stdout(), 'the schema is up to date\n');
    t.equal(second.stderr() + first.stderr(), '');
  });

  await t.test('says what is missing', async (t) => {
    const migration = run(t, 'migrate.js');
    t.strictSame(await migration.ended, { code: 1, signal: null });
    t.match(migration.stderr(), /^The configuration is not usable:\n {2}- DATABASE_URL \(or .*\) is missing/);
  });

  await t.test('refuses emails that differ only by case', async (t) => {
    const { url, client } = await createDatabase(t, { empty: true });
    await createLegacyTables(client);
    await client.query(
      `INSERT INTO users (name, email, location, password) VALUES ('a', 'a@b.co', '', 'x'), ('a', 'A@b.co', '', 'x')`,
    );
    const migration = run(t, 'migrate.js', { env: { DATABASE_URL: url } });
    t.strictSame(await migration.ended, { code: 1, signal: null });
    t.match(migration.stderr(), /differ only by upper and lower case: user_id 1 and 2\. Change or delete/);
    t.notMatch(migration.stderr(), /@b\.co|\n./);
  });

  await t.test('waits for a table that is in use', async (t) => {
    const { url, client } = await createDatabase(t, { empty: true });
    await createLegacyTables(client);
    await client.query('BEGIN; SELECT * FROM users');
    const migration = run(t, 'migrate.js', { env: { DATABASE_URL: url } });
    while (!migration.stdout().includes('waiting for')) await sleep(50);
    await client.query('COMMIT');
    t.strictSame(await migration.ended, { code: 0, signal: null });
    t.match(
      migration.stdout(),
      /waiting for another migration, or for a table that is in use\n(.*\n)*applied migration 0002/,
    );
  });

  await t.test('ends by a signal while it waits, for its database or for a table', async (t) => {
    const absent = `postgres://gate:gate@127.0.0.1:${await freePort()}/gate`;
    const { url, client } = await createDatabase(t, { empty: true });
    await createLegacyTables(client);
    const before = await dump(client);
    await client.query('BEGIN; SELECT * FROM users');
    for (const databaseUrl of [absent, url]) {
      for (const [signal, code] of [
        ['SIGTERM', 143],
        ['SIGINT', 130],
      ] as const) {
        const migration = run(t, 'migrate.js', { env: { DATABASE_URL: databaseUrl } });
        while (!migration.stdout().includes('waiting for')) await sleep(50);
        migration.child.kill(signal);
        // As the first process of a container, where what has no handler is ignored
        t.strictSame(await migration.ended, { code, signal: null });
        t.equal(migration.stderr(), `Ended by ${signal}; Postgres undoes what has not been finished\n`);
      }
    }
    await client.query('COMMIT');
    t.equal(await dump(client), before);
  });

  await t.test('that is killed half-way changes nothing', async (t) => {
    const { url, client } = await createDatabase(t, { empty: true });
    await createLegacyTables(client);
    const before = await dump(client);
    await client.query('BEGIN; SELECT * FROM refreshaccesstokens');
    const migration = run(t, 'migrate.js', { env: { DATABASE_URL: url } });
    while (!migration.stdout().includes('waiting for')) await sleep(50);
    migration.child.kill('SIGKILL');
    await once(migration.child, 'exit');
    await client.query('COMMIT');
    t.equal(await dump(client), before);
  });
});
