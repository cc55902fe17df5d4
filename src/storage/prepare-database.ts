import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabaseIfMissing, missingDatabase } from './create-database.ts';
import { errorCode, isAbsent, messageOf } from './database-error.ts';
import { isSchemaUpToDate, type MigrationOptions, migrate } from './migrate.ts';
import { checkPooledSession } from './pooled-session.ts';

// Milliseconds
const pause = 250;
const reminder = 10_000;

/**
 * Sees to it that the database exists and its schema is up to date. Waits for a server that is not there yet.
 *
 * @param ahead what a first look has found, or is about to find
 * @throws MissingDatabaseError, MigrationError, or what pg throws when the server refuses
 */
export async function prepareDatabase(
  databaseUrl: string,
  options: MigrationOptions,
  ahead?: Promise<boolean>,
): Promise<void> {
  let looked = ahead;
  await oncePresent(async () => {
    const isUpToDate = looked ?? isSchemaUpToDate(databaseUrl, options.log);
    looked = undefined;
    await prepareOnce(databaseUrl, options, isUpToDate);
  }, options);
}

export interface StorageSettings {
  DATABASE_URL: string;
  DATABASE_MIGRATION_URL?: string;
  DATABASE_PREPARED_STATEMENTS: boolean;
}

/**
 * Looks whether a migration is missing, for a start that does more than one thing at a time. Nothing is changed, or
 * said, before prepareStorage is given the result.
 */
export function lookAhead(settings: StorageSettings, log: MigrationOptions['log']): Promise<boolean> {
  const ahead = isSchemaUpToDate(migrationUrl(settings), log);
  // Whoever waits for it is told; a start that ends before has no use for it
  ahead.catch(() => {});
  return ahead;
}

/**
 * Prepares the database, and checks the role behind a pooler.
 *
 * @param ahead of lookAhead
 * @throws as prepareDatabase does, or PooledSessionError
 */
export async function prepareStorage(
  settings: StorageSettings,
  options: MigrationOptions,
  ahead?: Promise<boolean>,
): Promise<void> {
  await prepareDatabase(migrationUrl(settings), options, ahead);
  if (!settings.DATABASE_PREPARED_STATEMENTS)
    await oncePresent(() => checkPooledSession(settings.DATABASE_URL), options);
}

function migrationUrl({ DATABASE_MIGRATION_URL, DATABASE_URL }: StorageSettings): string {
  return DATABASE_MIGRATION_URL ?? DATABASE_URL;
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

async function prepareOnce(
  databaseUrl: string,
  options: MigrationOptions,
  isUpToDate: Promise<boolean>,
): Promise<void> {
  const { log } = options;
  const isReady = await isUpToDate.catch((error: unknown) => {
    if (errorCode(error) !== missingDatabase) throw error;
    return false;
  });
  if (!isReady) {
    if (await createDatabaseIfMissing(databaseUrl))
      log.info('the database did not exist and has been created');
    const applied = await migrate(databaseUrl, options);
    if (applied.length > 0) return;
  }
  log.info('the schema is up to date');
}
