import pg from 'pg';
import { StartError } from '../errors.ts';
import { connectionOptions, hangUp, timeouts } from './connection.ts';
import { errorCode } from './database-error.ts';

/** The database does not exist, and it could not be created. */
export class MissingDatabaseError extends StartError {
  override readonly name = 'MissingDatabaseError';
}

/** SQLSTATE invalid_catalog_name. */
export const missingDatabase = '3D000';
// Another process was faster: duplicate_database, or unique_violation in pg_database
const alreadyThere = ['42P04', '23505'];

/**
 * Creates the database that the URL names when the server does not have it. True when it was created.
 *
 * @throws MissingDatabaseError, or what pg throws when the server cannot be reached or the role may not connect
 */
export async function createDatabaseIfMissing(databaseUrl: string): Promise<boolean> {
  try {
    await withClient(databaseUrl, async () => undefined);
    return false;
  } catch (error) {
    if (errorCode(error) !== missingDatabase) throw error;
  }
  // The driver's own reading of the URL, or another database would be created than is connected to
  const { database, user } = new pg.Client({ connectionString: databaseUrl });
  const maintenance = new URL(databaseUrl);
  maintenance.pathname = '/postgres';
  try {
    await withClient(maintenance.href, (client) =>
      client.query(
        `CREATE DATABASE ${client.escapeIdentifier(database ?? '')} ENCODING 'UTF8' TEMPLATE template0`,
      ),
    );
    return true;
  } catch (error) {
    if (alreadyThere.includes(errorCode(error) ?? '')) return false;
    const why = error instanceof Error ? error.message : String(error);
    throw new MissingDatabaseError(
      `The database "${database}" does not exist and could not be created by the role "${user}": ${why}`,
      { cause: error },
    );
  }
}

async function withClient<T>(databaseUrl: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    ...connectionOptions(databaseUrl),
    connectionTimeoutMillis: timeouts.connectAtStart,
    // CREATE DATABASE copies a template, which takes longer than a request may
    query_timeout: 60_000,
  });
  // Without a listener an error between two statements would end the process; the next statement reports it
  client.on('error', () => {});
  try {
    await client.connect();
    return await work(client);
  } finally {
    await hangUp(client);
  }
}
