import fastifyPostgres from '@fastify/postgres';
import fp from 'fastify-plugin';
import { lifetimeSeconds, type PoolSettings, poolOptions, sharedOptions } from './connection.ts';
import { prepared, type StatementTrace, traced, unprepared } from './databases.ts';
import { PoolWait } from './pool-wait.ts';
import type { Database } from './query.ts';
import { SharedConnections, type SharedConnectionsOptions } from './shared-connections.ts';

declare module 'fastify' {
  interface FastifyInstance {
    /** The pool, for all statements but those that come most often. */
    database: Database;
    /** For what only reads, and waits for nobody. */
    reads: Database;
    /** For refreshes, which wait for whoever has locked their session. */
    refreshes: Database;
    /** Empty behind a pooler. */
    sharedConnections: Readonly<Partial<Record<SharedUse, SharedConnections>>>;
    poolWait: PoolWait;
  }
}

export interface PostgresSettings extends PoolSettings {
  trace?: StatementTrace | undefined;
}

type SharedUse = 'reads' | 'refreshes';

// A refresh is not answered before it is on disk, and what is behind it on its connection waits for that too
const shares = {
  reads: { size: 1, patienceMs: 20 },
  refreshes: { size: 2, patienceMs: 5 },
} as const;

/** How many connections a process has besides those of its pool: these, and the one by which readiness asks. */
export const connectionsBesidesPool = shares.reads.size + shares.refreshes.size + 1;

/** Registers the pool as `app.pg`, and what statements run on; all of it ends with the app. */
export default fp<PostgresSettings>(
  async (app, settings) => {
    await app.register(fastifyPostgres, poolOptions(settings));
    const { pool } = app.pg;
    app.decorate('poolWait', new PoolWait(pool));

    // An 'error' event that nobody listens to ends the process, and a connection may break while it is idle in the
    // pool as well as while it is being opened or handed out.
    pool.on('error', (error) => app.log.warn({ err: error }, 'an idle database connection broke'));
    pool.on('connect', (client) => {
      client.on('error', (error) => app.log.warn({ err: error }, 'a database connection broke'));
    });

    const { trace, DATABASE_PREPARED_STATEMENTS: isPrepared } = settings;
    const told = (database: Database) => (trace ? traced(database, trace) : database);
    const statements = isPrepared ? prepared(pool) : unprepared(pool);
    const database = told(statements);
    // A pooler lends its connections for one transaction at a time, and cannot tell where one of those sent at once begins
    const shared = isPrepared ? sharedBy(settings, { pool: statements, log: app.log }) : {};
    app.decorate('sharedConnections', shared);
    app.decorate('database', database);
    app.decorate('reads', shared.reads ? told(shared.reads) : database);
    app.decorate('refreshes', shared.refreshes ? told(shared.refreshes) : database);
    app.addHook('onClose', async () => {
      await Promise.all(Object.values(shared).map((connections) => connections.close()));
    });
  },
  { name: 'gatehouse-postgres' },
);

function sharedBy(
  settings: PoolSettings,
  deps: Pick<SharedConnectionsOptions, 'pool' | 'log'>,
): Partial<Record<SharedUse, SharedConnections>> {
  const common = { ...deps, client: sharedOptions(settings), lifetimeMs: lifetimeSeconds * 1000 };
  return {
    reads: new SharedConnections({ ...common, ...shares.reads }),
    refreshes: new SharedConnections({ ...common, ...shares.refreshes }),
  };
}
