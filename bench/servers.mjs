import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isMainThread } from 'node:worker_threads';

/**
 * Starts Gatehouse as it ships: production, default settings, one log line a request into a file. Only the engine is
 * chosen, and the pause before it closes, which has nothing to do with its speed.
 */
export function startGatehouse({ folder, databaseUrl, secrets, engine = 'auto' }) {
  return startServer({
    script: fileURLToPath(new URL('../dist/server.js', import.meta.url)),
    name: `gatehouse-${engine}`,
    folder,
    probe: '/readyz',
    env: { ...secrets, DATABASE_URL: databaseUrl, PASSWORD_HASH_ENGINE: engine, SHUTDOWN_DELAY_MS: '0' },
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

/** Ends a child process, by force if it takes more than five seconds. */
export async function stop(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const force = setTimeout(() => child.kill('SIGKILL'), 5000);
  await ended;
  clearTimeout(force);
}

async function untilServing(child, probe, name) {
  const deadline = Date.now() + 60_000;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`${name} ended with code ${child.exitCode} while starting`);
    const answer = await fetch(probe).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok) return;
    await sleep(100);
  }
  throw new Error(`${name} did not answer on ${probe} within a minute`);
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
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
