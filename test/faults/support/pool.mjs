import { setTimeout as sleep } from 'node:timers/promises';
import { newClient } from './client.mjs';

/** DATABASE_POOL_SIZE, by default. */
export const poolSize = 10;
// Less than a statement waits for a lock
const withinMs = 1500;

/**
 * Whether every connection of the pool can still be had: one that was checked out and never given back looks idle to Postgres.
 * So as many requests as it has connections are made to wait for a lock at the same time, requests that share none.
 *
 * @param {{ cluster: object, origin: string, token: string }} options
 * @returns {Promise<string[]>} what is wrong
 */
export async function poolBroken({ cluster, origin, token }) {
  const clients = Array.from({ length: poolSize }, () => newClient(origin, { patience: 10_000 }));
  const other = await cluster.connect();
  await other.query('BEGIN');
  await other.query('LOCK TABLE users, refreshaccesstokens');
  const answering = Promise.all(
    clients.map((client) => client.send('GET', '/api/v1/me/sessions', { token })),
  );
  const waiting = await mostWaiting(cluster);
  await other.query('ROLLBACK');
  const answers = await answering;
  await other.end();
  for (const client of clients) client.close();
  const failed = answers.filter(({ status }) => status !== 200);
  return [
    ...(waiting === poolSize
      ? []
      : [`only ${waiting} of ${poolSize} connections of the pool are in use at once`]),
    ...failed.map(
      ({ status, code, error }) => `/me/sessions after the lock was let go: ${status ?? error} ${code ?? ''}`,
    ),
  ];
}

async function mostWaiting(cluster) {
  const watcher = await cluster.connect();
  const deadline = performance.now() + withinMs;
  let most = 0;
  while (most < poolSize && performance.now() < deadline) {
    const { rows } = await watcher.query(
      `SELECT count(*)::int AS waiting FROM pg_stat_activity
       WHERE application_name LIKE 'gatehouse%' AND wait_event_type = 'Lock'`,
    );
    most = Math.max(most, rows[0].waiting);
    await sleep(20);
  }
  await watcher.end();
  return most;
}
