import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Test } from 'tap';

const { TEST_DATABASE_URL: serverUrl, TEST_DATABASE_PREFIX: prefix } = process.env;

export interface TestDatabase {
  url: string;
  /** The test's own connection, to see what the service did and to get in its way. */
  client: pg.Client;
}

/** Creates a database for this test alone: a clone of the migrated template, or an empty one. Dropped with the test. */
export async function createDatabase(t: Test, { empty = false } = {}): Promise<TestDatabase> {
  if (serverUrl === undefined || prefix === undefined) {
    throw new Error('the tests need their Postgres: run them with npm test -- test/some.test.ts');
  }
  const name = `${prefix}${randomBytes(6).toString('hex')}`;
  await administer(`CREATE DATABASE ${name} TEMPLATE ${empty ? 'template0' : `${prefix}template`}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const client = new pg.Client({ connectionString: url.href });
  await client.connect();
  t.teardown(async () => {
    await client.end();
    await administer(`DROP DATABASE ${name} WITH (FORCE)`);
  });
  return { url: url.href, client };
}

/** Waits until so many other connections wait for a lock that this one holds, or queue behind one that does. */
export async function waitUntilBlocking(client: pg.Client, connections = 1): Promise<void> {
  // Not from pg_stat_activity: inside a transaction, that keeps showing the connections of its first reading
  const waiting = `
    WITH RECURSIVE blocked (pid) AS (
      SELECT pg_backend_pid()
      UNION
      SELECT waiting.pid FROM pg_locks AS waiting JOIN blocked ON blocked.pid = ANY (pg_blocking_pids(waiting.pid))
      WHERE NOT waiting.granted
    )
    SELECT FROM blocked WHERE pid <> pg_backend_pid()`;
  while ((await client.query(waiting)).rows.length < connections) await sleep(10);
}

async function administer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  await client.query(sql);
  await client.end();
}
