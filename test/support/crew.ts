import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { createDatabase, type TestDatabase } from './database.ts';
import { freePort, type Gatehouse, production, ready, run } from './gatehouse-process.ts';

export interface Crew {
  /** The primary. */
  gatehouse: Gatehouse;
  origin: string;
  port: number;
  database: TestDatabase;
}

/** Starts the service with workers, two unless WEB_CONCURRENCY is given, and waits until all of them listen. */
export async function startCrew(
  t: Test,
  more: Record<string, string> = {},
  { empty = false } = {},
): Promise<Crew> {
  const database = await createDatabase(t, { empty });
  const port = await freePort();
  const env = production(database.url, port, { WEB_CONCURRENCY: '2', ...more });
  const gatehouse = run(t, 'server.js', { env });
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
