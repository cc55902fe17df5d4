import { setTimeout as sleep } from 'node:timers/promises';
import { databaseFault } from '../support/database-fault.mjs';

export default {
  name: 'database/hung',
  promise:
    'The server and all its backends are stopped for 10 s (SIGSTOP): connections stay open, and nothing answers',
  needs: ['proc'],
  run: (context) => databaseFault({ ...context, inject }),
};

async function inject({ cluster, short }) {
  const began = performance.now();
  cluster.pause();
  await sleep(short ? 5000 : 10_000);
  cluster.resume();
  return [{ began, accepting: await cluster.untilAccepting() }];
}
