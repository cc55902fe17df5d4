import { readFileSync, writeFileSync } from 'node:fs';
import pg from 'pg';
import t from 'tap';
import { isSchemaUpToDate, MigrationError, migrate, newestMigration } from '../../src/storage/migrate.ts';
import { prepareDatabase } from '../../src/storage/prepare-database.ts';
import { createDatabase } from '../support/database.ts';
import { addLegacyUsers, createLegacyTables, createLegacyUsers } from '../support/legacy.ts';
import { describeSchema, dump } from '../support/schema-dump.ts';

const log = { info: () => {}, warn: () => {} };
const snapshot = new URL('../../migrations/schema.snapshot', import.meta.url);

t.test('an empty database gets the schema that is checked in as migrations/schema.snapshot', async (t) => {
  const { url, client } = await createDatabase(t, { empty: true });
  t.strictSame(await migrate(url, { log }), [
    '0001_python-tables',
    '0002_accounts-and-sessions',
    '0003_open-session',
    '0004_expired-sessions',
  ]);
  const schema = await describeSchema(client);
  if (process.env['UPDATE_SCHEMA_SNAPSHOT']) writeFileSync(snapshot, schema);
  t.equal(
    schema,
    readFileSync(snapshot, 'utf8'),
    'after a new migration: UPDATE_SCHEMA_SNAPSHOT=1 npm test -- test/storage/migrate.test.ts, and review the difference',
  );
  t.equal(newestMigration(), '0004_expired-sessions');

  const before = await dump(client);
  t.strictSame(await migrate(url, { log }), [], 'a second run has nothing to do');
  t.equal(await dump(client), before);
});

t.test('a database of the Python program gets the very same schema', async (t) => {
  const expected = readFileSync(snapshot, 'utf8');
  for (const owned of [true, false]) {
    await t.test(`whose sequences are ${owned ? '' : 'not '}owned by their columns`, async (t) => {
      const { url, client } = await createDatabase(t, { empty: true });
      await createLegacyTables(client, { owned });
      await addLegacyUsers(client, [{ email: 'a@example.com', password: 'x' }]);
      await migrate(url, { log });
      t.equal(await describeSchema(client), expected);
    });
  }

  await t.test('that never had a refresh token table', async (t) => {
    const { url, client } = await createDatabase(t, { empty: true });
    await createLegacyUsers(client);
    await client.query(`INSERT INTO users (name, email, location, password) VALUES ('A', 'A@b.co', '', 'x')`);
    await migrate(url, { log });
    t.equal(await describeSchema(client), expected);
    t.strictSame((await client.query('SELECT user_id, email FROM users')).rows, [
      { user_id: '1', email: 'a@b.co' },
    ]);
  });
});

t.test('what belongs to others stays as it is', async (t) => {
  const { url, client } = await createDatabase(t, { empty: true });
  await client.query(`
    CREATE SCHEMA audit;
    CREATE TABLE audit.users (user_id text, email text);
    INSERT INTO audit.users VALUES ('x', 'Mixed@Case.com');
    CREATE TABLE "Invoices" (id serial PRIMARY KEY, email text);
    INSERT INTO "Invoices" (email) VALUES ('Mixed@Case.com')`);
  await migrate(url, { log });
  t.strictSame((await client.query('TABLE audit.users')).rows, [{ user_id: 'x', email: 'Mixed@Case.com' }]);
  t.strictSame((await client.query('TABLE "Invoices"')).rows, [{ id: 1, email: 'Mixed@Case.com' }]);
});

t.test(
  'a search path of one’s own is followed by all tables and functions, the list of migrations too',
  async (t) => {
    const { url, client } = await createDatabase(t, { empty: true });
    await client.query('CREATE SCHEMA gate_keeper');
    const own = new URL(url);
    own.searchParams.set('options', '-c search_path=gate_keeper');
    await migrate(own.href, { log });
    t.strictSame(await migrate(own.href, { log }), []);
    const { rows } = await client.query(
      `SELECT DISTINCT relnamespace::regnamespace::text AS schema FROM pg_class
     WHERE relname IN ('users', 'refreshaccesstokens', 'pgmigrations')
     UNION SELECT pronamespace::regnamespace::text FROM pg_proc WHERE proname = 'open_session'`,
    );
    t.strictSame(rows, [{ schema: 'gate_keeper' }]);
  },
);

t.test('emails that differ only by case are refused by name, and nothing at all has changed', async (t) => {
  const { url, client } = await createDatabase(t, { empty: true });
  await createLegacyTables(client);
  const ids = await addLegacyUsers(
    client,
    ['Ada@Example.com', 'one@example.com', 'aDA@example.com', 'Ünï@example.com', 'ünÏ@example.com'].map(
      (email) => ({ email, password: 'x' }),
    ),
  );
  t.strictSame(ids, [1, 2, 3, 4, 5]);
  const before = await dump(client);
  await t.rejects(migrate(url, { log }), {
    name: 'MigrationError',
    message: /user_id 1 and 3; user_id 4 and 5\. Change or delete all but one/,
  });
  t.equal(await dump(client), before, 'not even an empty list of migrations is left');

  await client.query('DELETE FROM refreshaccesstokens WHERE user_id IN (3, 5)');
  await client.query('DELETE FROM users WHERE user_id IN (3, 5)');
  t.equal((await migrate(url, { log })).length, 4, 'and it goes on once they are gone');
});

t.test('a role that may not create tables', async (t) => {
  const { url, client } = await createDatabase(t, { empty: true });
  const role = `gatehouse_reader_${process.pid}`;
  await client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'reader'`);
  const { rows } = await client.query<{ name: string }>('SELECT current_database() AS name');
  t.teardown(async () => {
    // Roles outlive their database
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    await admin.end();
  });
  await client.query('REVOKE CREATE ON SCHEMA public FROM PUBLIC');
  const theirs = new URL(url);
  theirs.username = role;
  theirs.password = 'reader';
  t.equal(theirs.pathname, `/${rows[0]?.name}`);

  await t.test('is told so in one sentence', async (t) => {
    const error = await migrate(theirs.href, { log }).catch((error: unknown) => error);
    if (!(error instanceof MigrationError)) throw error;
    t.match(error.message, /permission denied for schema public\. Migrate as a role that owns the tables/);
    t.notMatch(error.message, /\n/);
  });

  await t.test('and when it may not even read which migrations there are', async (t) => {
    await migrate(url, { log });
    await t.rejects(prepareDatabase(theirs.href, { log }), {
      name: 'MigrationError',
      message: /^permission denied for table pgmigrations\. Migrate as a role that owns the tables/,
      cause: { code: '42501' },
    });
  });

  await t.test('may run a service whose schema is up to date', async (t) => {
    await client.query(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`);
    t.strictSame(await migrate(theirs.href, { log }), []);
  });
});

t.test('whether the schema of a database that is missing is up to date', async (t) => {
  const { url } = await createDatabase(t, { empty: true });
  t.equal(await isSchemaUpToDate(url, log), false);
  const missing = new URL(url);
  missing.pathname += '_missing';
  await t.rejects(isSchemaUpToDate(missing.href, log), { name: 'error', code: '3D000' });
});
