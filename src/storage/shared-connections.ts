import type { QueryResultRow } from 'pg';
import type { Database, Rows, Statement } from './query.ts';
import { SharedConnection, type SharedConnectionOptions } from './shared-connection.ts';

export interface SharedConnectionsOptions extends SharedConnectionOptions {
  /** How many connections. */
  size: number;
  /** Milliseconds that a statement may wait here for the answers before its own; else it goes through the pool. */
  patienceMs: number;
  /** For what cannot be sent here now. */
  pool: Database;
}

/**
 * A few connections for statements of one kind, short ones that come often (docs/decisions/018). It is a way past the pool, never
 * the only one: a statement that would have to wait here, as for a row that the one before it waits for, or because there is no
 * connection yet, goes through the pool, with the pool's bounds.
 */
export class SharedConnections implements Database {
  readonly #connections: readonly SharedConnection[];
  readonly #patienceMs: number;
  readonly #pool: Database;

  constructor({ size, patienceMs, pool, ...options }: SharedConnectionsOptions) {
    this.#connections = Array.from({ length: size }, () => new SharedConnection(options));
    this.#patienceMs = patienceMs;
    this.#pool = pool;
  }

  get open(): number {
    return this.#connections.filter(({ isOpen }) => isOpen).length;
  }

  /** How many could not be opened when that was last tried, a minute ago at most. */
  get failing(): number {
    const now = performance.now();
    return this.#connections.filter((connection) => connection.isFailing(now)).length;
  }

  get inFlight(): number {
    return this.#connections.reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  query<Row extends QueryResultRow>(statement: Statement): Promise<Rows<Row>> {
    const now = performance.now();
    let chosen: SharedConnection | undefined;
    let leastMs = this.#patienceMs;
    for (const connection of this.#connections) {
      connection.keepOpen(now);
      const waitMs = connection.waitMs(statement.name, now);
      if (waitMs >= leastMs) continue;
      chosen = connection;
      leastMs = waitMs;
    }
    return chosen ? chosen.query<Row>(statement, now) : this.#pool.query<Row>(statement);
  }

  async close(): Promise<void> {
    await Promise.all(this.#connections.map((connection) => connection.close()));
  }
}
