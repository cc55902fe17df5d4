import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { StartError } from '../errors.ts';
import { connectionOptions, hangUp, timeouts } from './connection.ts';
import { errorCode, isUnavailable } from './database-error.ts';

const migrationsDirectory = fileURLToPath(new URL('../../migrations', import.meta.url));

export const migrationsTable = 'pgmigrations';

/** 0001_what-it-does.sql; whatever else lies in the folder is no migration. */
const migrationName = '\\d{4}_[\\w-]+\\.sql';

/** The newest migration this code knows. A database that has it, or newer ones too, can be served. */
export function newestMigration(): string {
  const newest = knownMigrations().at(-1);
  if (newest === undefined) throw new Error(`There are no migrations in ${migrationsDirectory}`);
  return newest;
}

function knownMigrations(): string[] {
  return readdirSync(migrationsDirectory)
    .filter((name) => new RegExp(`^${migrationName}$`).test(name))
    .map((name) => name.slice(0, -'.sql'.length))
    .sort();
}

/** A migration refused or failed; nothing at all has been changed. The message is the database's, hint included. */
export class MigrationError extends StartError {
  override readonly name = 'MigrationError';
}

export interface MigrationLog {
  info(message: string): void;
  warn(message: string): void;
}

export interface MigrationOptions {
  log: MigrationLog;
  /** Ends the waiting for a lock, not a migration that is under way. */
  signal?: AbortSignal;
}

/**
 * Brings the schema up to date and returns the names of the migrations that were applied: all that were missing, or
 * none. Of many processes at once one does the work under an advisory lock while the others wait.
 *
 * @throws MigrationError, or what pg throws when the database cannot be reached
 */
export async function migrate(databaseUrl: string, { log, signal }: MigrationOptions): Promise<string[]> {
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await migrateOnce(databaseUrl, log);
    } catch (error) {
      if (!retryableStates.includes(errorCode(error) ?? '')) throw explained(error);
      log.warn('waiting for another migration, or for a table that is in use');
      // Everyone who had to queue behind the lock gets a turn
      await sleep(pauseMs);
    }
  }
}

// lock_not_available, deadlock_detected
const retryableStates = ['55P03', '40P01'];
const pauseMs = 500;
// What node-pg-migrate takes itself
const migrationLock = '7241865325823964';

/**
 * True when no migration is missing.
 *
 * @throws MigrationError, or what pg throws when the database cannot be reached, or does not exist
 */
export async function isSchemaUpToDate(databaseUrl: string, log: MigrationLog): Promise<boolean> {
  try {
    return await withClient(databaseUrl, log, isUpToDate);
  } catch (error) {
    throw explained(error);
  }
}

function migrateOnce(databaseUrl: string, log: MigrationLog): Promise<string[]> {
  return withClient(databaseUrl, log, async (client) => {
    // First, as a role that may only use the tables cannot even ask the runner
    if (await isUpToDate(client)) return [];
    // Most starts find nothing to do, and need not load it
    const { runner } = await import('node-pg-migrate');
    const { rows } = await client.query<{ schema: string | null }>(
      bounded('SELECT current_schema() AS schema'),
    );
    // The runner makes its table outside of its transaction. Inside of this one, a refused migration leaves nothing
    // behind; the runner's own BEGIN then does nothing, and its COMMIT or ROLLBACK ends both.
    await client.query(bounded('BEGIN'));
    // All in the transaction, so that a pooler which lends a connection for no longer does no harm. A lock may not take
    // minutes: a waiting ALTER TABLE holds up everyone behind it, so it gives way before their statements time out, and
    // tries again.
    await client.query(bounded(`SET LOCAL lock_timeout = ${timeouts.lock}`));
    await client.query(bounded('SET LOCAL statement_timeout = 0'));
    await client.query(bounded('SELECT pg_advisory_xact_lock($1)', [migrationLock]));
    const applied = await runner({
      dbClient: client,
      dir: migrationsDirectory,
      ignorePattern: `(?!${migrationName}$).*`,
      direction: 'up',
      migrationsTable,
      // Where unqualified names lead, as in the migrations
      migrationsSchema: rows[0]?.schema ?? 'public',
      noLock: true, // its own outlives the transaction
      singleTransaction: true,
      checkOrder: false, // a database that a newer version migrated is fine
      logger: { info: () => {}, warn: () => {}, error: () => {} }, // what goes wrong is thrown
    });
    for (const { name } of applied) log.info(`applied migration ${name}`);
    return applied.map(({ name }) => name);
  });
}

async function withClient<T>(
  databaseUrl: string,
  log: MigrationLog,
  work: (client: pg.Client) => Promise<T>,
): Promise<T> {
  const client = new pg.Client({
    ...connectionOptions(databaseUrl),
    connectionTimeoutMillis: timeouts.connectAtStart,
    // A migration may take minutes
    query_timeout: 0,
  });
  client.on('error', (error) => log.warn(error.message));
  try {
    await client.connect();
    return await work(client);
  } finally {
    await hangUp(client);
  }
}

// The driver knows it for each statement, its types do not
interface BoundedQuery extends pg.QueryConfig {
  query_timeout: number;
}

/** What takes no time, so that a server which has fallen silent is noticed. */
function bounded(text: string, values: unknown[] = []): BoundedQuery {
  return { text, values, query_timeout: timeouts.query };
}

async function isUpToDate(client: pg.Client): Promise<boolean> {
  const table = await client.query(bounded('SELECT WHERE to_regclass($1) IS NOT NULL', [migrationsTable]));
  if (table.rows.length === 0) return false;
  const { rows } = await client.query<{ name: string }>(bounded(`SELECT name FROM ${migrationsTable}`));
  const applied = new Set(rows.map(({ name }) => name));
  return knownMigrations().every((name) => applied.has(name));
}

function explained(error: unknown): unknown {
  if (!(error instanceof Error) || isUnavailable(error)) return error;
  // The runner puts the stack of some errors into the message of its own
  const [message = ''] = error.message.split('\n', 1);
  const hint = (error as { hint?: string }).hint ?? (forbidden.test(message) ? ownerHint : undefined);
  return new MigrationError(hint ? `${message}. ${hint}` : message, { cause: error });
}

const forbidden = /permission denied|must be owner/;
const ownerHint = 'Migrate as a role that owns the tables and may create in this schema: npm run migrate';
