import type { Config } from './config.ts';

const variable = 'GATEHOUSE_WORKER';

/** What the primary gives a worker, which reads no settings of its own: one that is replaced is like those beside it. */
export interface Handover {
  readonly config: Config;
  readonly hashThreads: number;
}

/** As an environment, which nobody but the user of this process can read. */
export function handDown(handover: Handover): Record<string, string> {
  return { [variable]: JSON.stringify(handover) };
}

/** @throws Error in a process that no primary has started */
export function takeOver(environment: NodeJS.ProcessEnv = process.env): Handover {
  const text = environment[variable];
  if (text === undefined) throw new Error('a worker is started by server.js, with WEB_CONCURRENCY above 1');
  // As handDown has written it
  return JSON.parse(text) as Handover;
}
