import { randomBytes } from 'node:crypto';
import path from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../dist/embedded/postgres.js';
import { root } from './build.mjs';

/**
 * A name for a database of the caller's own, which the service creates at its start: on the server of `serverUrl`, else
 * on an embedded one. What else `serverUrl` holds is never touched.
 *
 * @param {{ purpose: string, serverUrl?: string, settings?: Record<string, string>, onProgress?: (message: string) => void }} options
 *   `purpose` is a lower-case word, a part of the database's name; `settings` are those of the embedded Postgres
 */
export async function openDatabase({ purpose, serverUrl, settings = {}, onProgress = () => {} }) {
  const server = serverUrl
    ? { url: serverUrl, stop: async () => {} }
    : await startEmbeddedPostgres({
        directory: path.join(root, '.data', `${purpose}-postgres`),
        settings,
        onProgress,
      });
  const name = `gatehouse_${purpose}_${randomBytes(4).toString('hex')}`;
  const at = (database) => {
    const url = new URL(server.url);
    url.pathname = `/${database}`;
    return url.href;
  };
  return {
    url: at(name),
    /** The first row that a statement gives in the server's database `postgres`. */
    ask: (sql) => ask(at('postgres'), sql),
    /** Drops the database, unless it is to be kept, and stops what was started for it. */
    async close({ keep = false } = {}) {
      try {
        if (!keep) await ask(at('postgres'), `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
      } finally {
        await server.stop();
      }
    },
  };
}

async function ask(url, sql) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows[0];
  } finally {
    await client.end();
  }
}
