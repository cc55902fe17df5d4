import { setTimeout as sleep } from 'node:timers/promises';
import { audit } from './audit.mjs';
import { createCluster } from './cluster.mjs';
import { usageOf } from './measure.mjs';
import { startReplica } from './service.mjs';
import { startTraffic } from './traffic.mjs';
import { judge } from './verdict.mjs';
import { watchProbes } from './watch.mjs';

/**
 * Runs the service on a Postgres of its own under steady mixed load, lets a fault happen to that Postgres, and holds what
 * clients, probes, tables and the process show to the promises of docs/reliability.md.
 *
 * @param {object} options
 * @param {(cluster) => Promise<{ url: string, env?: Record<string, string> }>} [options.through] starts what the service is to
 *   reach Postgres through, with settings that this needs; by default it connects to it
 * @param {(at: { cluster, replica, short, log }) => Promise<{ began: number, accepting: number }[]>} options.inject causes the
 *   fault and ends it, once or several times; gives when it began and when Postgres accepted connections again, by
 *   performance.now()
 * @param {{ readiness?: 'goes' | 'may go' | 'stays' }} [options.expected] what becomes of /readyz
 */
export async function databaseFault(options) {
  const { short, log, inject, through = directly, load, expected = {} } = options;
  const cluster = await createCluster(options.cluster);
  const { url, env } = await through(cluster);
  const replica = await startReplica({ databaseUrl: url, env: { ...env, ...options.env } });
  const traffic = await startTraffic({ origins: [replica.origin], ...load });
  const probes = watchProbes(replica.origin);
  // Until compiled code, caches and the pool are as they stay
  await sleep(short ? 3000 : 6000);
  const before = await settledUsage(replica);
  const calmUntil = performance.now();

  const periods = await inject({ cluster, replica, short, log });
  await sleep(short ? 4000 : 8000);
  const after = await settledUsage(replica);
  const connections = await cluster.ask(
    "SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name LIKE 'gatehouse%'",
  );
  await Promise.all([traffic.stop(), probes.stop()]);
  const audited = await audit((sql) => cluster.ask(sql), traffic.ledger);
  return judge({
    periods,
    calmUntil,
    ledger: traffic.ledger,
    audited,
    probes,
    before,
    after,
    connections: connections[0].count,
    databasePort: Number(new URL(url).port),
    replica,
    expected,
  });
}

const directly = async (cluster) => ({ url: cluster.url() });

/** The least of several readings: memory that is about to be collected says nothing. */
async function settledUsage(replica) {
  const readings = [];
  for (let reading = 0; reading < 10; reading += 1) {
    readings.push(usageOf(replica.pid));
    await sleep(100);
  }
  return readings.reduce((least, each) => ((each?.rssMb ?? 0) < (least?.rssMb ?? 0) ? each : least));
}
