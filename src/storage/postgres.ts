import fastifyPostgres from '@fastify/postgres';
import fp from 'fastify-plugin';
import type { Config } from '../config/config.ts';
import { poolOptions } from './connection.ts';

/** Registers the pool as `app.pg`; it ends with the app. */
export default fp<Pick<Config, 'DATABASE_URL' | 'DATABASE_POOL_SIZE'>>(
  async (app, config) => {
    await app.register(fastifyPostgres, poolOptions(config.DATABASE_URL, config.DATABASE_POOL_SIZE));

    // An 'error' event that nobody listens to ends the process, and a connection may break while it is idle in the
    // pool as well as while it is being opened or handed out.
    app.pg.pool.on('error', (error) => app.log.warn({ err: error }, 'an idle database connection broke'));
    app.pg.pool.on('connect', (client) => {
      client.on('error', (error) => app.log.warn({ err: error }, 'a database connection broke'));
    });
  },
  { name: 'gatehouse-postgres' },
);
