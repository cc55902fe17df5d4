import { setTimeout as sleep } from 'node:timers/promises';
import { databaseFault } from '../support/database-fault.mjs';

export default {
  name: 'database/read-only',
  promise:
    'The server takes reading transactions alone for 10 s, as a standby does, or a primary that is demoted',
  needs: ['proc'],
  run: (context) => databaseFault({ ...context, inject }),
};

async function inject({ cluster, short }) {
  const began = performance.now();
  await cluster.configure({ default_transaction_read_only: 'on' });
  await sleep(short ? 4000 : 10_000);
  await cluster.configure({ default_transaction_read_only: null });
  return [{ began, accepting: await cluster.untilAccepting() }];
}
