import pg from 'pg';
import { connectionOptions } from './connection.ts';

const missingDatabase = '3D000';
// Another process was faster: duplicate_database, or unique_violation in pg_database
const alreadyThere = ['42P04', '23505'];

/**
 * Creates the database that the URL names when the server does not have it. True when it was created.
 *
 * @throws what pg throws: the server cannot be reached, the role may not connect or may not create databases
 */
export async function createDatabaseIfMissing(databaseUrl: string): Promise<boolean> {
  const code = await withClient(databaseUrl, async () => undefined).catch((error) => {
    if (error.code !== missingDatabase) throw error;
    return missingDatabase;
  });
  if (code !== missingDatabase) return false;

  const maintenance = new URL(databaseUrl);
  const name = decodeURIComponent(maintenance.pathname.slice(1));
  maintenance.pathname = '/postgres';
  return withClient(maintenance.href, async (client) => {
    try {
      await client.query(
        `CREATE DATABASE ${client.escapeIdentifier(name)} ENCODING 'UTF8' TEMPLATE template0`,
      );
      return true;
    } catch (error) {
      if (alreadyThere.includes((error as { code?: string }).code ?? '')) return false;
      throw error;
    }
  });
}

async function withClient<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  // CREATE DATABASE copies a template, which takes longer than a request may
  const client = new pg.Client({
    ...connectionOptions(databaseUrl),
    statement_timeout: 60_000,
    query_timeout: 61_000,
  });
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end();
  }
}
