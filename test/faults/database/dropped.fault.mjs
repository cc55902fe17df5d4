import { setTimeout as sleep } from 'node:timers/promises';
import { databaseFault } from '../support/database-fault.mjs';
import { createNetwork } from '../support/network.mjs';

export default {
  name: 'database/dropped',
  promise: 'Every packet from and to the server is dropped for 10 s, those of connections that are open too',
  needs: ['proc', 'netns'],
  run: (context) => {
    const network = createNetwork();
    return databaseFault({
      ...context,
      cluster: { network },
      inject: (at) => inject({ ...at, network }),
    });
  },
};

async function inject({ cluster, network, short }) {
  const began = performance.now();
  network.drop();
  await sleep(short ? 5000 : 10_000);
  network.restore();
  return [{ began, accepting: await cluster.untilAccepting() }];
}
