import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { connectionOptions, hangUp } from './connection.ts';
import { errorCode } from './database-error.ts';
import { migrationsTable, newestMigration } from './migrate.ts';

export type DatabaseState = 'ready' | 'database' | 'schema_behind';

const probeTimeoutMs = 500;
// Orchestrators and load balancers wait a second for an answer
const boundMs = 900;
// That a connection has ended says nothing about the server it led to, nor about the one that is in its place by now
const attempts = 5;
const undefinedTable = '42P01';

/**
 * Asks the database whether it can serve, over a connection of its own: a saturated pool says nothing about the
 * database. A schema that is newer than this code is fine, as during a rolling deployment.
 */
export class DatabaseProbe {
  readonly #databaseUrl: string;
  readonly #migration = newestMigration();
  #client: pg.Client | undefined;

  constructor(databaseUrl: string) {
    this.#databaseUrl = databaseUrl;
  }

  /** Never rejects: what goes wrong is the answer. Takes less than a second. */
  ask(): Promise<DatabaseState> {
    return Promise.race([this.#askRepeatedly(), sleep(boundMs, 'database' as const, { ref: false })]);
  }

  async #askRepeatedly(): Promise<DatabaseState> {
    const began = performance.now();
    for (let attempt = 1; ; attempt++) {
      const state = await this.#askOnce();
      const isSlow = performance.now() - began > probeTimeoutMs * 0.8;
      if (state !== 'database' || attempt === attempts || isSlow) return state;
    }
  }

  async #askOnce(): Promise<DatabaseState> {
    try {
      const client = await this.#connected();
      const { rows } = await client.query<{ read_only: boolean; migrated: boolean }>(
        `SELECT current_setting('transaction_read_only')::boolean AS read_only,
           EXISTS (SELECT FROM ${migrationsTable} WHERE name = $1) AS migrated`,
        [this.#migration],
      );
      if (rows[0]?.read_only) return this.#unreachable();
      return rows[0]?.migrated ? 'ready' : 'schema_behind';
    } catch (error) {
      if (errorCode(error) === undefinedTable) return 'schema_behind';
      return this.#unreachable();
    }
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) await hangUp(client);
  }

  async #connected(): Promise<pg.Client> {
    if (this.#client) return this.#client;
    const client = new pg.Client({
      ...connectionOptions(this.#databaseUrl),
      application_name: 'gatehouse-probe',
      connectionTimeoutMillis: probeTimeoutMs,
      query_timeout: probeTimeoutMs,
    });
    client.on('error', () => {
      if (this.#client === client) this.#drop();
    });
    this.#client = client;
    await client.connect();
    return client;
  }

  // A standby, or a server that was demoted: the next attempt may find the new primary behind the same address
  #unreachable(): DatabaseState {
    this.#drop();
    return 'database';
  }

  #drop(): void {
    // Not awaited: the server may be beyond answering
    this.close().catch(() => {});
  }
}
