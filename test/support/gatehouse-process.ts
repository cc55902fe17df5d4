import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Test } from 'tap';
import { secrets } from './app.ts';
import { databaseSettings } from './pooler.ts';
import { fetchChecked } from './watch.ts';

export const dist = fileURLToPath(new URL('../../dist/', import.meta.url));

export interface Gatehouse {
  child: ChildProcess;
  /** Everything written so far. */
  stdout(): string;
  stderr(): string;
  /** The JSON lines of stdout. */
  logLines(): Record<string, unknown>[];
  /** Resolves when the process has ended and its output is read; the code is null after a fatal signal. */
  ended: Promise<{ code: number | null; signal: string | null }>;
}

export interface RunOptions {
  env?: Record<string, string>;
  /** Arguments of the program. */
  args?: string[];
  /** Arguments of node itself. */
  nodeOptions?: string[];
  cwd?: string;
  /** How many files the process may have open. */
  openFiles?: number;
}

/** Runs a program of dist/, or one of the tests', in an empty folder, with only the given environment. Killed with the test. */
export function run(
  t: Test,
  program: 'server.js' | 'migrate.js' | 'key-tool.js' | URL,
  options: RunOptions = {},
): Gatehouse {
  const { env = {}, args = [], nodeOptions = [], cwd = emptyFolder(t), openFiles } = options;
  const path = program instanceof URL ? fileURLToPath(program) : join(dist, program);
  // tap adds its loader to NODE_OPTIONS of every child; env(1) removes it and then execs node
  const command = ['-u', 'NODE_OPTIONS', process.execPath, ...nodeOptions, path, ...args];
  const limited = ['-c', `ulimit -n ${openFiles} && exec env "$@"`, 'sh', ...command];
  const child = spawn(openFiles ? 'sh' : 'env', openFiles ? limited : command, {
    cwd,
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  t.teardown(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await ended;
  });
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    logLines: () =>
      stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line)),
    ended,
  };
}

/** The environment of a production start, with the cheapest hashes and no shutdown delay. */
export function production(
  databaseUrl: string,
  port: number,
  more: Record<string, string> = {},
): Record<string, string> {
  return {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PORT: String(port),
    ...databaseSettings(databaseUrl),
    BCRYPT_COST: '10',
    SHUTDOWN_DELAY_MS: '0',
    METRICS_PORT: '0',
    ...secrets,
    ...more,
  };
}

/** Waits until the service is ready and gives its origin; throws its output when it is not. */
export async function ready(gatehouse: Gatehouse, port: number, seconds = 60): Promise<string> {
  const origin = `http://127.0.0.1:${port}`;
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    const answer = await fetchReadiness(origin);
    await answer?.text();
    if (answer?.status === 200) return origin;
    if (gatehouse.child.exitCode !== null) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`not ready: ${gatehouse.stderr()}${gatehouse.stdout()}`);
}

/** Undefined as long as nothing listens. */
async function fetchReadiness(origin: string): Promise<Response | undefined> {
  try {
    return await fetchChecked(`${origin}/readyz`);
  } catch (error) {
    // What fetch throws itself
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** A port that is free right now. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export function emptyFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function post(
  origin: string,
  path: string,
  body: unknown,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const answer = await fetchChecked(`${origin}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
}
