import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { root } from './build.mjs';
import { openDatabase } from './database.mjs';
import { freePort, stop, untilServing } from './processes.mjs';

/**
 * Starts the service as it ships, in production, for programs that meet it over HTTP: on a database of its own, which
 * goes when it stops, on the Postgres of TEST_DATABASE_URL or an embedded one. Its password hashes are the cheapest
 * that production allows. `npm run build` comes first.
 *
 * @param {{ env?: Record<string, string>, replicas?: number }} options further settings, by their environment names
 * @returns {Promise<{ origin: string, origins: string[], log: () => string, stop: () => Promise<void> }>} `origin` is
 *   the first of `origins`, one a replica, such as "http://127.0.0.1:40123"; `log` is all that they have written
 */
export async function startService({ env = {}, replicas = 1 } = {}) {
  const database = await openDatabase({
    purpose: 'live',
    serverUrl: process.env.TEST_DATABASE_URL,
    // Nothing here has to outlive a power cut
    settings: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' },
  });
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-live-'));
  const log = path.join(folder, 'service.log');
  const secret = () => randomBytes(48).toString('base64');
  const settings = {
    DATABASE_URL: database.url,
    SECRET_KEY: secret(),
    REFRESH_TOKEN_SECRET: secret(),
    ...env,
  };
  const started = [];
  const service = {
    origins: [],
    log: () => readFileSync(log, 'utf8'),
    async stop() {
      await Promise.all(started.map(stop));
      await database.close();
      rmSync(folder, { recursive: true });
    },
  };
  try {
    for (let replica = 0; replica < replicas; replica += 1) {
      const port = await freePort();
      const child = spawnService({ ...settings, PORT: String(port) }, folder, log);
      started.push(child);
      const origin = `http://127.0.0.1:${port}`;
      await untilServing(child, `${origin}/readyz`, 'the service');
      service.origins.push(origin);
    }
  } catch (error) {
    console.error(service.log());
    await service.stop();
    throw error;
  }
  return { ...service, origin: service.origins[0] };
}

/** One replica, in a folder where no .env lies, and with no setting of the caller's environment. */
export function spawnService(env, folder, logFile, program = path.join(root, 'dist', 'server.js')) {
  const { PATH, HOME, TMPDIR } = process.env;
  const always = {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    BCRYPT_COST: '10',
    SHUTDOWN_DELAY_MS: '0',
    METRICS_PORT: '0',
    // Whoever uses this comes from one address, as many users, guessing and registering more than one address may
    RATE_LIMIT: 'off',
  };
  const log = openSync(logFile, 'a');
  try {
    return spawn(process.execPath, [program], {
      cwd: folder,
      stdio: ['ignore', log, log],
      env: { PATH, HOME, TMPDIR, ...always, ...env },
    });
  } finally {
    // The process has its own
    closeSync(log);
  }
}
