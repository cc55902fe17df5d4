import { setTimeout as sleep } from 'node:timers/promises';
import { databaseFault } from '../support/database-fault.mjs';

export default {
  name: 'database/terminated',
  promise: 'Every connection is terminated, over and over for 10 s',
  needs: ['proc'],
  // The database is there all the time
  run: (context) => databaseFault({ ...context, inject, expected: { readiness: 'stays' } }),
};

const everyMs = 100;

async function inject({ cluster, short, log }) {
  const operator = await cluster.connect();
  const began = performance.now();
  let terminated = 0;
  while (performance.now() - began < (short ? 4000 : 10_000)) {
    const { rows } = await operator.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'gatehouse%'",
    );
    terminated += rows.length;
    await sleep(everyMs);
  }
  const accepting = performance.now();
  await operator.end();
  log(`${terminated} connections terminated`);
  return [{ began, accepting }];
}
