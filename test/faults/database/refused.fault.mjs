import { setTimeout as sleep } from 'node:timers/promises';
import { databaseFault } from '../support/database-fault.mjs';

export default {
  name: 'database/refused',
  promise: 'The server is stopped (-m fast) for 10 s: all connections end, and new ones are refused',
  inShort: false,
  needs: ['proc'],
  run: (context) => databaseFault({ ...context, inject }),
};

async function inject({ cluster, short }) {
  const began = performance.now();
  await cluster.stop('fast');
  await sleep(short ? 4000 : 10_000);
  await cluster.start({ wait: false });
  return [{ began, accepting: await cluster.untilAccepting() }];
}
