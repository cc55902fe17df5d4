import { setTimeout as sleep } from 'node:timers/promises';
import { probeFault } from '../support/probe-fault.mjs';

export default {
  name: 'probes/hung-database',
  promise: 'The database hangs (SIGSTOP): nothing of it answers, and no connection ends',
  // database/hung watches the probes, too
  inShort: false,
  needs: ['proc'],
  run: (context) => probeFault({ ...context, inject, reason: 'database' }),
};

async function inject({ cluster, short }) {
  const began = Date.now();
  cluster.pause();
  await sleep(short ? 4000 : 10_000);
  cluster.resume();
  return { began, ended: Date.now(), saw: 'the database hung' };
}
