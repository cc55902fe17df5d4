import { randomBytes } from 'node:crypto';
import path from 'node:path';
import pg from 'pg';
import { startEmbeddedPostgres } from '../dist/embedded/postgres.js';
import { root } from '../scripts/build.mjs';

/**
 * A database of this run's own, which the service creates: on the server that DATABASE_URL names, else on an
 * embedded one with its durable settings. What DATABASE_URL holds is never touched.
 */
export async function openDatabase(progress) {
  const server = process.env.DATABASE_URL
    ? { url: process.env.DATABASE_URL, stop: async () => {} }
    : await startEmbeddedPostgres({
        directory: path.join(root, '.data', 'bench-postgres'),
        onProgress: progress,
      });
  const name = `gatehouse_bench_${randomBytes(4).toString('hex')}`;
  const at = (database) => {
    const url = new URL(server.url);
    url.pathname = `/${database}`;
    return url.href;
  };
  return {
    url: at(name),
    server: server.url === process.env.DATABASE_URL ? 'DATABASE_URL' : 'embedded',
    describe: () =>
      ask(
        at('postgres'),
        `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
          current_setting('synchronous_commit') AS synchronous_commit`,
      ),
    async close() {
      try {
        await ask(at('postgres'), `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
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
