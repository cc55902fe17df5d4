import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runner } from 'node-pg-migrate';
import pg from 'pg';
import { connectionOptions } from './connection.ts';

const migrationsDirectory = fileURLToPath(new URL('../../migrations', import.meta.url));

export const migrationsTable = 'pgmigrations';

/** The newest migration this code knows. A database that has it, or newer ones too, can be served. */
export function newestMigration(): string {
  const names = readdirSync(migrationsDirectory)
    .filter((name) => name.endsWith('.sql'))
    .sort();
  const newest = names.at(-1);
  if (newest === undefined) throw new Error(`There are no migrations in ${migrationsDirectory}`);
  return newest.slice(0, -'.sql'.length);
}

/** A migration refused or failed; nothing of it has been applied. The message is the database's, hint included. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

export interface MigrationLog {
  info(message: string): void;
  warn(message: string): void;
}

/**
 * Brings the schema up to date and returns the names of the migrations that were applied: all that were missing, or
 * none. Of many processes at once one does the work under an advisory lock while the others wait.
 *
 * @throws MigrationError
 */
export async function migrate(databaseUrl: string, log: MigrationLog): Promise<string[]> {
  for (;;) {
    try {
      return await migrateOnce(databaseUrl, log);
    } catch (error) {
      const { message, hint, code } = error as { message: string; hint?: string; code?: string };
      if (code !== lockNotAvailable)
        throw new MigrationError(hint ? `${message}. ${hint}` : message, { cause: error });
      log.warn('waiting for another migration, or for a table that is in use');
    }
  }
}

const lockNotAvailable = '55P03';

async function migrateOnce(databaseUrl: string, log: MigrationLog): Promise<string[]> {
  const client = new pg.Client({
    ...connectionOptions(databaseUrl),
    // A migration may take minutes. Its locks may not: a waiting ALTER TABLE holds up everyone behind it, so it gives
    // way after this long and tries again.
    lock_timeout: 5000,
    statement_timeout: 0,
    query_timeout: 0,
  });
  client.on('error', (error) => log.warn(error.message));
  await client.connect();
  try {
    const applied = await runner({
      dbClient: client,
      dir: migrationsDirectory,
      direction: 'up',
      migrationsTable,
      advisoryLockMode: 'wait',
      singleTransaction: true,
      checkOrder: false, // a database that a newer version migrated is fine
      logger: { info: () => {}, warn: () => {}, error: () => {} }, // what goes wrong is thrown
    });
    for (const { name } of applied) log.info(`applied migration ${name}`);
    return applied.map(({ name }) => name);
  } finally {
    await client.end();
  }
}
