import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { Test } from 'tap';
import { freePort } from './gatehouse-process.ts';

/** What a test is skipped for, where there is no redis-server on PATH; false where there is one. */
export const withoutRedis: string | false =
  spawnSync('redis-server', ['--version']).error === undefined ? false : 'needs redis-server';

export interface TestRedis {
  url: string;
  start(...settings: string[]): Promise<void>;
  /** Tells it something, as an operator would. */
  tell(command: string, ...args: string[]): Promise<unknown>;
  kill(): Promise<void>;
  /** It keeps its connections, and answers nothing until it goes on. */
  hang(): void;
  goOn(): void;
  /** All that it holds. */
  keys(): Promise<string[]>;
}

/** A Redis of its own, which keeps nothing on disk; started by `start`. */
export async function prepareRedis(t: Test): Promise<TestRedis> {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let child: ChildProcess | undefined;
  const kill = async () => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  };
  t.teardown(kill);
  return {
    url,
    kill,
    async start(...settings) {
      const usual = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
      child = spawn('redis-server', [...usual, ...settings], { stdio: 'ignore' });
      await untilAnswering(url);
    },
    async tell(command, ...args) {
      const redis = new Redis(url);
      return redis.call(command, ...args).finally(() => redis.disconnect());
    },
    hang: () => void child?.kill('SIGSTOP'),
    goOn: () => void child?.kill('SIGCONT'),
    async keys() {
      const redis = new Redis(url);
      const found = await redis.keys('*');
      redis.disconnect();
      return found;
    },
  };
}

async function untilAnswering(url: string): Promise<void> {
  const redis = new Redis(url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
  redis.on('error', () => {});
  // Whether or not it takes a command without a password
  await redis.ping().catch(() => {});
  redis.disconnect();
}

/** Resolves when it is so; throws when it is not within so many milliseconds. */
export async function eventually(isSo: () => boolean, milliseconds: number): Promise<void> {
  const end = performance.now() + milliseconds;
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`not so within ${milliseconds} ms`);
    await sleep(10);
  }
}
