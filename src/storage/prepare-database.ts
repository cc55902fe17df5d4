import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabaseIfMissing } from './create-database.ts';
import { isAbsent, messageOf } from './database-error.ts';
import { type MigrationOptions, migrate } from './migrate.ts';
import { checkPooledSession } from './pooled-session.ts';

// Milliseconds
const pause = 250;
const reminder = 10_000;

/**
 * Sees to it that the database exists and its schema is up to date. Waits for a server that is not there yet.
 *
 * @throws MissingDatabaseError, MigrationError, or what pg throws when the server refuses
 */
export async function prepareDatabase(databaseUrl: string, options: MigrationOptions): Promise<void> {
  await oncePresent(() => prepareOnce(databaseUrl, options), options);
}

export interface StorageSettings {
  DATABASE_URL: string;
  DATABASE_MIGRATION_URL?: string;
  DATABASE_PREPARED_STATEMENTS: boolean;
}

/**
 * Prepares the database, and checks the role behind a pooler.
 *
 * @throws as prepareDatabase does, or PooledSessionError
 */
export async function prepareStorage(settings: StorageSettings, options: MigrationOptions): Promise<void> {
  await prepareDatabase(settings.DATABASE_MIGRATION_URL ?? settings.DATABASE_URL, options);
  if (!settings.DATABASE_PREPARED_STATEMENTS)
    await oncePresent(() => checkPooledSession(settings.DATABASE_URL), options);
}

/**
 * Waits for a server that is not there yet, as when all of a system starts at once, and says so every ten seconds.
 *
 * @throws what `work` throws for any other reason
 */
export async function oncePresent(
  work: () => Promise<void>,
  { log, signal }: MigrationOptions,
): Promise<void> {
  for (let saidAt = Number.NEGATIVE_INFINITY; ; ) {
    signal?.throwIfAborted();
    try {
      return await work();
    } catch (error) {
      if (!isAbsent(error)) throw error;
      if (performance.now() - saidAt >= reminder) {
        log.warn(
          `waiting for the database: ${messageOf(error)}. Check DATABASE_URL or the DB_ settings if it is there`,
        );
        saidAt = performance.now();
      }
      await sleep(pause, undefined, { signal });
    }
  }
}

async function prepareOnce(databaseUrl: string, options: MigrationOptions): Promise<void> {
  const { log } = options;
  if (await createDatabaseIfMissing(databaseUrl)) log.info('the database did not exist and has been created');
  const applied = await migrate(databaseUrl, options);
  if (applied.length === 0) log.info('the schema is up to date');
}
