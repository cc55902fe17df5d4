import { setTimeout as sleep } from 'node:timers/promises';
import { startPgbouncer } from '../../../scripts/pgbouncer.mjs';
import { own } from '../support/belongings.mjs';
import { databaseFault } from '../support/database-fault.mjs';

export default {
  name: 'database/pooler-killed',
  promise:
    'Behind PgBouncer in transaction mode: PgBouncer is killed and started again, then Postgres, five times each',
  needs: ['proc', 'pgbouncer'],
  run(context) {
    let pooler;
    return databaseFault({
      ...context,
      async through(cluster) {
        pooler = await startPgbouncer({ serverUrl: cluster.url('postgres'), role: 'pooled', own });
        const url = new URL(pooler.url);
        url.pathname = new URL(cluster.url()).pathname;
        const env = { DATABASE_MIGRATION_URL: cluster.url(), DATABASE_PREPARED_STATEMENTS: 'false' };
        return { url: url.href, env };
      },
      inject: (at) => inject({ ...at, pooler }),
      expected: { readiness: 'may go' },
    });
  },
};

async function inject({ cluster, pooler, short }) {
  const periods = [];
  for (let round = 0; round < (short ? 1 : 5); round += 1) {
    for (const fault of [killPooler, killPostgres]) {
      const began = performance.now();
      periods.push({ began, accepting: await fault({ cluster, pooler }) });
      await sleep(2500);
    }
  }
  return periods;
}

async function killPooler({ pooler }) {
  await pooler.kill();
  await pooler.start();
  return performance.now();
}

async function killPostgres({ cluster }) {
  await cluster.stop('immediate');
  await cluster.start({ wait: false });
  return cluster.untilAccepting();
}
