import fastifyPostgres from '@fastify/postgres';
import fp from 'fastify-plugin';
import { type PoolSettings, poolOptions } from './connection.ts';
import { PoolWait } from './pool-wait.ts';
import { type Database, unprepared } from './query.ts';

declare module 'fastify' {
  interface FastifyInstance {
    database: Database;
    poolWait: PoolWait;
  }
}

/** Registers the pool as `app.pg`, and as `app.database` what statements run on; it ends with the app. */
export default fp<PoolSettings>(
  async (app, settings) => {
    await app.register(fastifyPostgres, poolOptions(settings));
    const { pool } = app.pg;
    app.decorate('poolWait', new PoolWait(pool));
    app.decorate('database', settings.DATABASE_PREPARED_STATEMENTS ? pool : unprepared(pool));

    // An 'error' event that nobody listens to ends the process, and a connection may break while it is idle in the
    // pool as well as while it is being opened or handed out.
    pool.on('error', (error) => app.log.warn({ err: error }, 'an idle database connection broke'));
    pool.on('connect', (client) => {
      client.on('error', (error) => app.log.warn({ err: error }, 'a database connection broke'));
    });
  },
  { name: 'gatehouse-postgres' },
);
