import { setTimeout as sleep } from 'node:timers/promises';
import { databaseFault } from '../support/database-fault.mjs';

export default {
  name: 'database/restarted',
  promise: 'The server is stopped without a goodbye (-m immediate) and started again, ten times',
  needs: ['proc'],
  // Whether it is noticed depends on how long the recovery takes
  run: (context) => databaseFault({ ...context, inject, expected: { readiness: 'may go' } }),
};

async function inject({ cluster, short }) {
  const periods = [];
  for (let round = 0; round < (short ? 3 : 10); round += 1) {
    if (round > 0) await sleep(2500);
    const began = performance.now();
    await cluster.stop('immediate');
    await cluster.start({ wait: false });
    periods.push({ began, accepting: await cluster.untilAccepting() });
  }
  return periods;
}
