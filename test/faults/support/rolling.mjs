import { setTimeout as sleep } from 'node:timers/promises';
import { createCluster } from './cluster.mjs';
import { balanced, startHaproxy } from './haproxy.mjs';
import { quantile } from './measure.mjs';
import { answersOf, auditOf, failures, insist } from './outcome.mjs';
import { startReplica } from './service.mjs';
import { startTraffic } from './traffic.mjs';

// Each restart is of seconds, in which the new process compiles and hashes compete for two cores
const mix = {
  register: { users: 1, pause: 1000 },
  login: { users: 1, pause: 1000 },
  refresh: { users: 6, pause: 80 },
  me: { users: 6, pause: 60 },
};

/**
 * Restarts replicas behind HAProxy, one after the other, under steady load, with the delay that production has by default.
 *
 * @param {object} options
 * @param {{ replica: 0 | 1, program?: string }[]} options.restarts which one, and the version that it comes back as
 * @param {(at: { cluster, replicas }) => Promise<Record<string, unknown>>} [options.check] further promises, in the end
 */
export async function rollingRestart({ restarts, log, check = async () => ({}) }) {
  const cluster = await createCluster();
  // Nobody is turned away for a busy machine
  const env = { SHUTDOWN_DELAY_MS: '5000', HASH_MAX_WAIT_MS: '4500' };
  const start = (options) => startReplica({ databaseUrl: cluster.url(), env, ...options });
  const replicas = [await start(), await start()];
  const haproxy = await startHaproxy(balanced(replicas.map(({ origin }) => origin)));
  const traffic = await startTraffic({ origins: [`http://127.0.0.1:${haproxy.port}`], mix });
  await sleep(1000);

  const ends = [];
  const began = performance.now();
  for (const { replica: index, program } of restarts) {
    const { port, child, ended } = replicas[index];
    child.kill('SIGTERM');
    ends.push(await ended);
    replicas[index] = await start({ port, program });
    log(`replica ${index + 1} is back`);
    // Until HAProxy has seen it
    await sleep(2500);
  }
  const tookMs = performance.now() - began;
  const further = await check({ cluster, replicas });
  await traffic.stop();
  const { ledger } = traffic;
  const audited = await auditOf(cluster, ledger);
  const failed = failures(ledger.requests);
  const { requests } = ledger;
  return insist(
    {
      failed,
      'exit 0': ends.filter(({ code }) => code !== 0).map(({ code, signal }) => `${code} ${signal}`),
      lost: audited.lost,
      twice: audited.twice,
      violations: ledger.violations,
      ...further,
    },
    {
      saw: `${failed.length} of ${requests.length} failed in ${restarts.length} restarts, slowest ${Math.round(Math.max(...requests.map(({ ms }) => ms)))} ms`,
      recoveredMs: 0,
      lost: audited.lost.length,
      figures: {
        answers: answersOf(requests),
        p99Ms: quantile(
          requests.map(({ ms }) => ms),
          0.99,
        ),
        tookMs,
        audited: audited.checked,
      },
    },
  );
}
