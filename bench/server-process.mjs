import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const meter = fileURLToPath(new URL('meter.mjs', import.meta.url));

/**
 * Starts a server in a process of its own and waits until it answers.
 *
 * @param {{ script: string, name: string, folder: string, probe: string, env: Record<string, string> }} options
 *   `folder` takes its stdout and is its working directory, where no .env lies; `probe` is a path that answers 200
 *   once it serves
 */
export async function startServer({ script, name, folder, probe, env }) {
  const port = await freePort();
  const stdout = openSync(path.join(folder, `${name}.log`), 'a');
  const { PATH, HOME, TMPDIR, LD_LIBRARY_PATH, SystemRoot } = process.env;
  const child = spawn(process.execPath, ['--import', `file://${meter}`, script], {
    cwd: folder,
    stdio: ['ignore', stdout, 'inherit', 'ipc'],
    env: {
      ...withoutUndefined({ PATH, HOME, TMPDIR, LD_LIBRARY_PATH, SystemRoot }),
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      PORT: String(port),
      ...env,
    },
  });
  const url = `http://127.0.0.1:${port}`;
  const server = {
    name,
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

/** Ends a child process, gently for five seconds. */
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

function withoutUndefined(variables) {
  return Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined));
}
