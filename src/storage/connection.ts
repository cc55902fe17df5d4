import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientConfig, CustomTypesConfig, PoolConfig } from 'pg';
import pg from 'pg';

const { builtins, getTypeParser } = pg.types;

/** What makes a value of a column's text. int8 becomes a number: ids stay far below 2^53, and the schemas hold them to it. */
export function typeParser(oid: number): (text: string) => unknown {
  return oid === builtins.INT8 ? Number : getTypeParser(oid, 'text');
}

const types: CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    format === 'binary' ? getTypeParser(oid, format) : typeParser(oid),
};

/** Milliseconds. lock < statement < query, so that the innermost bound that applies names the cause. */
export const timeouts = {
  lock: 2000,
  statement: 2500,
  query: 3000,
  connect: 1000,
  /** Of a process that starts: many may start at once, and nobody waits for an answer yet. */
  connectAtStart: 5000,
  /** Of saying goodbye to a server that may be beyond hearing it. */
  end: 500,
  idleInTransaction: 10_000,
} as const;

/** What the service's own connections have in common. */
export function connectionOptions(connectionString: string): ClientConfig {
  return {
    connectionString,
    types,
    application_name: 'gatehouse',
    connectionTimeoutMillis: timeouts.connect,
    query_timeout: timeouts.query,
    keepAlive: true,
  };
}

/**
 * What a session of the pool has for defaults, sent as startup parameters. A pooler that lends a server connection for
 * each transaction refuses them; behind one, the role must have them (pooled-session).
 */
const sessionDefaults: ClientConfig = {
  lock_timeout: timeouts.lock,
  statement_timeout: timeouts.statement,
  idle_in_transaction_session_timeout: timeouts.idleInTransaction,
  // What statements that wait for a row rely on, whatever the database has for a default
  options: '-c default_transaction_isolation=read\\ committed',
};

/** Seconds after which a connection is opened anew, so that it follows a moved primary or a changed DNS name. */
export const lifetimeSeconds = 1800;

export interface PoolSettings {
  DATABASE_URL: string;
  DATABASE_POOL_SIZE: number;
  DATABASE_PREPARED_STATEMENTS: boolean;
}

export function poolOptions(settings: PoolSettings): PoolConfig {
  return {
    ...connectionOptions(settings.DATABASE_URL),
    ...(settings.DATABASE_PREPARED_STATEMENTS && sessionDefaults),
    max: settings.DATABASE_POOL_SIZE,
    idleTimeoutMillis: 30_000,
    maxLifetimeSeconds: lifetimeSeconds,
  };
}

/** Of a connection that statements share, on which none may wait for the one before it to be answered. */
export function sharedOptions(settings: PoolSettings): ClientConfig {
  const { DATABASE_URL } = settings;
  // Its statements are bounded by the connection's watch: a timer for each would end all of them just so
  return { ...connectionOptions(DATABASE_URL), ...sessionDefaults, query_timeout: undefined, pipeline: true };
}

/**
 * Ends a connection once its statements are answered, also to a server that is beyond answering, which would keep the
 * process from its end.
 */
export async function hangUp(client: pg.Client, boundMs: number = timeouts.end): Promise<void> {
  await Promise.race([client.end(), sleep(boundMs, undefined, { ref: false })]);
  client.connection.stream.destroy();
}
