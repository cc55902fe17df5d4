import { once } from 'node:events';
import { type Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { createDatabase, type TestDatabase } from './database.ts';
import { freePort, type Gatehouse, production, type RunOptions, ready, run } from './gatehouse-process.ts';

export interface Crew {
  /** The primary. */
  gatehouse: Gatehouse;
  origin: string;
  port: number;
  database: TestDatabase;
}

interface CrewRun extends RunOptions {
  /** Whether the database is to have no schema yet. */
  empty?: boolean;
  program?: URL;
}

/** Starts the service with workers, two unless WEB_CONCURRENCY is given, and waits until all of them listen. */
export async function startCrew(
  t: Test,
  more: Record<string, string> = {},
  { empty = false, program, ...options }: CrewRun = {},
): Promise<Crew> {
  const database = await createDatabase(t, { empty });
  const port = await freePort();
  const env = production(database.url, port, { WEB_CONCURRENCY: '2', ...more });
  const gatehouse = run(t, program ?? 'server.js', { ...options, env });
  const origin = await ready(gatehouse, port);
  await until(() => listening(gatehouse).length === Number(env['WEB_CONCURRENCY']));
  return { gatehouse, port, database, origin };
}

export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(20);
}

/** The lines whose message begins so. */
export function linesOf(gatehouse: Gatehouse, start: string): Record<string, unknown>[] {
  return gatehouse.logLines().filter(({ msg }) => String(msg).startsWith(start));
}

/** The ids of the processes that have listened, in that order. */
export function listening(gatehouse: Gatehouse): number[] {
  return [...new Set(linesOf(gatehouse, 'Server listening').map(({ pid }) => Number(pid)))];
}

interface Answer {
  status: number;
  isLast: boolean;
  body: string;
}

/** Asks over a connection of its own, unless there is an agent: one that is kept may be that of a worker which has ended. */
export async function ask(
  origin: string,
  path: string,
  options: { agent?: Agent; body?: object } = {},
): Promise<Answer> {
  const { agent, body } = options;
  const outgoing = request(`${origin}${path}`, {
    agent: agent ?? false,
    method: body ? 'POST' : 'GET',
    headers: { 'content-type': 'application/json' },
  });
  outgoing.end(body && JSON.stringify(body));
  const [response] = await once(outgoing, 'response');
  const status = Number(response.statusCode);
  return { status, isLast: response.headers.connection === 'close', body: await text(response) };
}

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
