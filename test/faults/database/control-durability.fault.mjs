import { setTimeout as sleep } from 'node:timers/promises';
import { audit } from '../support/audit.mjs';
import { createCluster } from '../support/cluster.mjs';
import { startReplica } from '../support/service.mjs';
import { startTraffic } from '../support/traffic.mjs';

export default {
  name: 'database/control-durability',
  promise:
    'Control: with synchronous_commit=off an immediate stop loses acknowledged writes, and that is noticed',
  inShort: false,
  needs: ['proc'],
  run,
};

async function run({ short }) {
  // What is committed stays in memory for up to ten seconds
  const settings = {
    synchronous_commit: 'off',
    wal_writer_delay: '10s',
    wal_writer_flush_after: '64MB',
    wal_buffers: '64MB',
  };
  const cluster = await createCluster({ settings });
  const replica = await startReplica({ databaseUrl: cluster.url() });
  const traffic = await startTraffic({ origins: [replica.origin] });
  await sleep(short ? 3000 : 6000);
  await cluster.stop('immediate');
  await cluster.start({ wait: false });
  await cluster.untilAccepting();
  await sleep(3000);
  await traffic.stop();
  const { lost } = await audit((sql) => cluster.ask(sql), traffic.ledger);
  const { violations } = traffic.ledger;
  if (lost.length === 0 || violations.length === 0)
    throw new Error(
      `the audit found ${lost.length} lost writes, and clients ${violations.length}: one of them cannot fail`,
    );
  return {
    saw: `${violations.length} answers showed clients that a write was gone`,
    lost: `${lost.length}, as it should be`,
    figures: { lost: lost.slice(0, 20), violations: violations.slice(0, 20) },
  };
}
