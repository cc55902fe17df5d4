import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';
import { freePort, stop, untilServing } from '../scripts/processes.mjs';

/**
 * Starts Gatehouse as it ships: production, default settings, one log line a request into a file. Only the engine is
 * chosen, and the pause before it closes, which has nothing to do with its speed.
 */
export async function startGatehouse({ folder, databaseUrl, secrets, engine = 'auto' }) {
  return startServer({
    script: fileURLToPath(new URL('../dist/server.js', import.meta.url)),
    name: `gatehouse-${engine}`,
    folder,
    probe: '/readyz',
    env: {
      ...secrets,
      DATABASE_URL: databaseUrl,
      PASSWORD_HASH_ENGINE: engine,
      SHUTDOWN_DELAY_MS: '0',
      // The usual one may be taken
      METRICS_PORT: String(await freePort()),
    },
  });
}

/** Starts the bare service (floor.mjs) that Gatehouse's cost is compared with. */
export function startFloor({ folder, databaseUrl, secrets }) {
  return startServer({
    script: fileURLToPath(new URL('floor.mjs', import.meta.url)),
    name: 'bare',
    folder,
    probe: '/',
    env: { ...secrets, DATABASE_URL: databaseUrl },
  });
}

/**
 * Starts a server in a process of its own and waits until it answers.
 *
 * @param {{ script: string, name: string, folder: string, probe: string, env: Record<string, string> }} options
 *   `folder` takes its stdout and is its working directory, where no .env lies; `probe` is a path that answers 200
 *   once it serves
 */
async function startServer({ script, name, folder, probe, env }) {
  const port = await freePort();
  const stdout = openSync(path.join(folder, `${name}.log`), 'a');
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(process.execPath, ['--import', import.meta.url, script], {
    cwd: folder,
    stdio: ['ignore', stdout, 'inherit', 'ipc'],
    env: { PATH, HOME, TMPDIR, NODE_ENV: 'production', HOST: '127.0.0.1', PORT: String(port), ...env },
  });
  const url = `http://127.0.0.1:${port}`;
  const server = {
    url,
    /** Microseconds of CPU time, user and system, of all threads since the process began. */
    async cpuMicros() {
      const answer = once(child, 'message');
      child.send('cpu');
      const [{ cpuMicros }] = await answer;
      return cpuMicros;
    },
    stop: () => stop(child),
  };
  try {
    await untilServing(child, url + probe, name);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

/** In a measured server, which loads this file with --import: reports the CPU time it has used. */
function reportCpu() {
  process.on('message', (question) => {
    const { user, system } = process.cpuUsage();
    if (question === 'cpu') process.send({ cpuMicros: user + system });
  });
  // No server may outlive a run that was killed
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel.unref();
}

// Worker threads load this too, but have no channel
if (isMainThread && process.execArgv.includes(import.meta.url)) reportCpu();
