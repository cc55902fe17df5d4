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
  connect: 1500,
  /** Of a process that starts: many may start at once, and nobody waits for an answer yet. */
  connectAtStart: 5000,
  idleInTransaction: 10_000,
} as const;

/** What the service's own connections have in common. */
export function connectionOptions(connectionString: string): ClientConfig {
  return {
    connectionString,
    types,
    application_name: 'gatehouse',
    connectionTimeoutMillis: timeouts.connect,
    lock_timeout: timeouts.lock,
    statement_timeout: timeouts.statement,
    query_timeout: timeouts.query,
    idle_in_transaction_session_timeout: timeouts.idleInTransaction,
    keepAlive: true,
    // What statements that wait for a row rely on, whatever the database has for a default
    options: '-c default_transaction_isolation=read\\ committed',
  };
}

export function poolOptions(connectionString: string, size: number): PoolConfig {
  return {
    ...connectionOptions(connectionString),
    max: size,
    idleTimeoutMillis: 30_000,
    // Connections follow a moved primary or a changed DNS name within this time
    maxLifetimeSeconds: 1800,
  };
}
