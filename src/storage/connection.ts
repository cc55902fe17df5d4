import { setTimeout as sleep } from 'node:timers/promises';
import type { ClientConfig, CustomTypesConfig, PoolConfig } from 'pg';
import pg from 'pg';

const { builtins, getTypeParser } = pg.types;

/** int8 becomes a number: ids stay far below 2^53, and the schemas hold them to it. */
const types: CustomTypesConfig = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === builtins.INT8 && format !== 'binary' ? Number : getTypeParser(oid, format),
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
    // Connections follow a moved primary or a changed DNS name within this time
    maxLifetimeSeconds: 1800,
  };
}

/** Ends a connection, also to a server that is beyond answering, which would keep the process from its end. */
export async function hangUp(client: pg.Client): Promise<void> {
  await Promise.race([client.end(), sleep(timeouts.end, undefined, { ref: false })]);
  client.connection.stream.destroy();
}
