import { setTimeout as sleep } from 'node:timers/promises';
import { createCluster } from '../support/cluster.mjs';
import { elsewhere, newBalancedClient } from '../support/last-connection.mjs';
import { answersOf, auditOf, failures, insist } from '../support/outcome.mjs';
import { startReplica } from '../support/service.mjs';
import { startTraffic } from '../support/traffic.mjs';

const closeBoundMs = 10_000;
const delay = 1000;
const mix = { login: { users: 60, pause: 20 }, me: { users: 2, pause: 100 } };
const isBusy = ({ status, code, retryAfter }) =>
  status === 503 && code === 'PASSWORD_HASHING_BUSY' && Number(retryAfter) >= 1;
// The deadline of a request, where the machine has little time for its hash
const isLate = ({ status, code, ms }) => status === 503 && code === 'DATABASE_UNAVAILABLE' && ms > 4500;

export default {
  name: 'lifecycle/login-storm',
  promise:
    'SIGTERM with a full queue of passwords: all of it is answered, by a session or by 503, and exit 0',
  inShort: false,
  needs: ['proc'],
  async run({ short }) {
    const cluster = await createCluster();
    const replica = await startReplica({
      databaseUrl: cluster.url(),
      env: { SHUTDOWN_DELAY_MS: String(delay) },
    });
    const balancer = { closed: false };
    const traffic = await startTraffic({
      origins: [replica.origin],
      mix,
      retryMs: 50,
      connect: (origin, options) => newBalancedClient(origin, balancer, options),
    });
    await sleep(short ? 1500 : 4000);

    const began = performance.now();
    replica.child.kill('SIGTERM');
    await sleep(delay - 200);
    balancer.closed = true;
    const { code, signal } = await replica.ended;
    const endedMs = performance.now() - began;
    await traffic.stop();

    const { ledger } = traffic;
    const audited = await auditOf(cluster, ledger);
    const sent = ledger.requests.filter(({ error }) => error !== elsewhere);
    const failed = failures(sent, (each) => isBusy(each) || isLate(each));
    const queued = sent.filter(({ kind, end }) => kind === 'login' && end > began + delay);
    return insist(
      {
        failed,
        'the queue was full': sent.some((each) => isBusy(each) && each.end < began),
        'logins were under way when the listener closed': queued.length > 0,
        'exit 0': code === 0 || `code ${code}, ${signal}`,
        'exit in time': endedMs < delay + closeBoundMs,
        lost: audited.lost,
        twice: audited.twice,
        violations: ledger.violations,
      },
      {
        saw: `${failed.length} of ${sent.length} failed, ${queued.length} logins answered after the listener closed; exit ${code} ${Math.round(endedMs - delay)} ms after the delay`,
        lost: audited.lost.length,
        figures: { answers: answersOf(sent), queued: queued.length, endedMs, delay },
      },
    );
  },
};
