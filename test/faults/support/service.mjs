import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { spawnService } from '../../../scripts/live-service.mjs';
import { freePort, stop, untilServing } from '../../../scripts/processes.mjs';
import { own } from './belongings.mjs';

const secret = () => randomBytes(48).toString('base64');
// The same for all replicas of one program
const secrets = { SECRET_KEY: secret(), REFRESH_TOKEN_SECRET: secret() };

/**
 * Starts a replica of the service as it ships, in production, on a given database.
 *
 * @param {{ databaseUrl: string, env?: Record<string, string>, port?: number, wait?: boolean, program?: string }} options
 *   further settings by their environment names; without `wait` it resolves at once, else when the replica is ready; another
 *   version's server.js
 */
export async function startReplica({ databaseUrl, env = {}, port, wait = true, program }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-replica-'));
  own('folder', folder);
  const log = path.join(folder, 'service.log');
  const listening = port ?? (await freePort());
  const settings = { DATABASE_URL: databaseUrl, ...secrets, ...env, PORT: String(listening) };
  const child = spawnService(settings, folder, log, program);
  own('process', child.pid);
  const origin = `http://127.0.0.1:${listening}`;
  const replica = {
    origin,
    port: listening,
    child,
    pid: child.pid,
    /** All that it has written. */
    log: () => readFileSync(log, 'utf8'),
    /** Its JSON lines. */
    logLines: () =>
      readFileSync(log, 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line)),
    /** Resolves to how it ended. */
    ended: once(child, 'exit').then(([code, signal]) => ({ code, signal })),
    isRunning: () => child.exitCode === null && child.signalCode === null,
    /** Ends it as an orchestrator would. */
    stop: () => stop(child),
  };
  if (wait) {
    await untilServing(child, `${origin}/readyz`, 'the service').catch((error) => {
      throw new Error(`${error.message}\n${replica.log().slice(-3000)}`);
    });
  }
  return replica;
}
