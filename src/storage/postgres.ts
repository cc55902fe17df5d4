import fastifyPostgres from '@fastify/postgres';
import fp from 'fastify-plugin';
import { type PoolSettings, poolOptions } from './connection.ts';
import { PoolWait } from './pool-wait.ts';
import { type Database, type StatementTrace, traced, unprepared } from './query.ts';

declare module 'fastify' {
  interface FastifyInstance {
    database: Database;
    poolWait: PoolWait;
  }
}

export interface PostgresSettings extends PoolSettings {
  trace?: StatementTrace | undefined;
}

/** Registers the pool as `app.pg`, and as `app.database` what statements run on; it ends with the app. */
export default fp<PostgresSettings>(
  async (app, settings) => {
    await app.register(fastifyPostgres, poolOptions(settings));
    const { pool } = app.pg;
    app.decorate('poolWait', new PoolWait(pool));
    const database = settings.DATABASE_PREPARED_STATEMENTS ? pool : unprepared(pool);
    app.decorate('database', settings.trace ? traced(database, settings.trace) : database);

    // An 'error' event that nobody listens to ends the process, and a connection may break while it is idle in the
    // pool as well as while it is being opened or handed out.
    pool.on('error', (error) => app.log.warn({ err: error }, 'an idle database connection broke'));
    pool.on('connect', (client) => {
      client.on('error', (error) => app.log.warn({ err: error }, 'a database connection broke'));
    });
  },
  { name: 'gatehouse-postgres' },
);
