import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { Test } from 'tap';

const { TEST_DATABASE_URL: serverUrl, TEST_DATABASE_PREFIX: prefix } = process.env;

export interface TestDatabase {
  url: string;
  /** A connection of the test's own, to see what the service did. */
  client: pg.Client;
}

/** A database of this test's own: a clone of the migrated template, or with nothing in it. Gone with the test. */
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

async function administer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  await client.query(sql);
  await client.end();
}
