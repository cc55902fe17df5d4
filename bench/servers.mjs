import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { get } from 'node:http';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { root } from '../scripts/build.mjs';
import { freePort, stop } from '../scripts/processes.mjs';
import { childrenOf, cpuMicrosBetween, cpuTimes, peakMegabytes, residentMegabytes } from './usage.mjs';

/**
 * Starts Gatehouse as it ships: the command of `npm start`, in production with default settings, one log line a request into a file.
 * Only what is given differs, and the pause before it closes, which has nothing to do with its speed.
 *
 * @param {{ folder: string, databaseUrl: string, secrets: Record<string, string>, guard?: object, engine?: string, workers?: number,
 *   settings?: Record<string, string> }} options
 */
export async function startGatehouse({ engine = 'auto', workers = 1, settings, secrets, ...where }) {
  const metricsPort = await freePort();
  const server = await startServer({
    ...where,
    args: ownArguments,
    name: `gatehouse-${engine}-${workers}`,
    probe: '/readyz',
    env: {
      ...secrets,
      PASSWORD_HASH_ENGINE: engine,
      ...(workers > 1 && { WEB_CONCURRENCY: String(workers) }),
      SHUTDOWN_DELAY_MS: '0',
      // The usual one may be taken
      METRICS_PORT: String(metricsPort),
      ...settings,
    },
  });
  if (workers > 1) {
    try {
      await untilAllListen(metricsPort, workers);
      server.checkChildren(workers);
    } catch (error) {
      await server.stop();
      throw error;
    }
  }
  return server;
}

/** The first worker answers before the others listen. */
async function untilAllListen(metricsPort, workers) {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    const answer = await fetch(`http://127.0.0.1:${metricsPort}/metrics`).catch(() => undefined);
    const listening = /^gatehouse_workers (\d+)$/m.exec((await answer?.text()) ?? '')?.[1];
    if (Number(listening) === workers) return;
    await sleep(100);
  }
  throw new Error(`${workers} workers did not listen within a minute`);
}

// Once: while a run goes on, it may be edited
const ownArguments = startArguments();

/** What `npm start` gives to Node, flags included. */
function startArguments() {
  const { start } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')).scripts;
  const [node, ...args] = start.split(' ');
  const script = args.pop();
  if (node !== 'node' || script === undefined)
    throw new Error(`npm start is not a script for Node: ${start}`);
  return [...args, path.join(root, script)];
}

/** Starts Fastify with the same routes and statements (floor.mjs). */
export function startFloor({ secrets, ...where }) {
  return startServer({ ...where, args: [here('floor.mjs')], name: 'floor', probe: '/livez', env: secrets });
}

/** Starts Fastify with a single route (bare.mjs). */
export function startBare({ secrets: _, ...where }) {
  return startServer({ ...where, args: [here('bare.mjs')], name: 'bare', probe: '/', env: {} });
}

const here = (file) => fileURLToPath(new URL(file, import.meta.url));

const started = new Set();
let isClosing = false;

/** Ends the servers that still run, also those that have not begun to serve. */
export async function stopServers() {
  // An interrupted measurement goes on with its next one
  isClosing = true;
  await Promise.all([...started].map(stop));
}

/**
 * Starts a server in a process of its own and waits until it answers.
 *
 * @param {{ args: string[], name: string, folder: string, databaseUrl: string, probe: string, env: Record<string, string>,
 *   guard?: { watch: (pid: number) => void, release: (pid: number) => void } }} options `folder` takes its stdout and is its working
 *   directory, where no .env lies; `probe` is a path that answers 200 once it serves
 */
async function startServer({ args, name, folder, databaseUrl, probe, env, guard }) {
  const port = await freePort();
  if (isClosing) throw new Error('the run is being ended');
  const stdout = openSync(path.join(folder, `${name}.log`), 'a');
  const { PATH, HOME, TMPDIR } = process.env;
  const began = performance.now();
  const child = spawn(process.execPath, args, {
    cwd: folder,
    stdio: ['ignore', stdout, 'inherit'],
    env: {
      PATH,
      HOME,
      TMPDIR,
      NODE_ENV: 'production',
      HOST: '127.0.0.1',
      PORT: String(port),
      DATABASE_URL: databaseUrl,
      ...env,
    },
  });
  // Closed as soon as it is the child's too: a run opens dozens
  closeSync(stdout);
  started.add(child);
  child.once('exit', () => started.delete(child));
  guard?.watch(child.pid);
  const server = {
    url: `http://127.0.0.1:${port}`,
    /** Milliseconds from spawn to the first 200 of its probe. */
    readyMs: Number.NaN,
    /** Microseconds of CPU time, of all threads and workers, that some work takes it. */
    async cpuMicros(work) {
      const before = cpuTimes(child.pid);
      const result = await work();
      return { result, micros: cpuMicrosBetween(before, cpuTimes(child.pid)) };
    },
    /** MB of resident memory, of all workers. */
    residentMegabytes: () => residentMegabytes(child.pid),
    /** The most that it has ever been, in MB: each process at its own peak. */
    peakMegabytes: () => peakMegabytes(child.pid),
    /** @throws when it has not just as many processes below it, whose CPU time would else be left out */
    checkChildren(count) {
      const found = childrenOf(child.pid).length;
      if (found !== count) throw new Error(`${name} has ${found} processes of its own, not ${count}`);
    },
    async stop() {
      await stop(child);
      guard?.release(child.pid);
    },
  };
  try {
    await untilReady(child, server.url + probe, name);
  } catch (error) {
    await server.stop();
    throw error;
  }
  server.readyMs = performance.now() - began;
  return server;
}

/** Asks often, as this measures how long a start takes. */
async function untilReady(child, url, name) {
  const deadline = performance.now() + 60_000;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`${name} ended with code ${child.exitCode} while starting`);
    if ((await statusOf(url)) === 200) return;
    await sleep(5);
  }
  throw new Error(`${name} did not answer at ${url} within a minute`);
}

/** Undefined when there is no answer. */
function statusOf(url) {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: 5000 }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
  });
}
