import { setTimeout as sleep } from 'node:timers/promises';
import { databaseFault } from '../support/database-fault.mjs';
import { createNetwork } from '../support/network.mjs';

export default {
  name: 'database/answers-lost',
  promise:
    'The server gets all that it is asked, commits it, and its answers are dropped: for 5 s, and then for longer than the grace',
  needs: ['proc', 'netns'],
  run: (context) => {
    const network = createNetwork();
    return databaseFault({
      ...context,
      cluster: { network },
      // All who were logged out log in again at once
      env: { HASH_MAX_WAIT_MS: '4000' },
      // Whoever refreshes while the answers begin to be lost is who this is about
      load: {
        mix: {
          register: { users: 1, pause: 250 },
          login: { users: 1, pause: 250 },
          refresh: { users: 12, pause: 100 },
          me: { users: 2, pause: 100 },
        },
      },
      inject: (at) => inject({ ...at, network }),
    });
  },
};

async function inject({ cluster, network, short }) {
  const periods = [];
  for (const milliseconds of short ? [5000] : [5000, 13_000]) {
    if (periods.length > 0) await sleep(5000);
    const began = performance.now();
    network.drop(['output']);
    await sleep(milliseconds);
    network.restore();
    periods.push({ began, accepting: await cluster.untilAccepting() });
  }
  return periods;
}
