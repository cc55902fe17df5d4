import { setTimeout as sleep } from 'node:timers/promises';
import { newClient } from '../support/client.mjs';
import { createCluster } from '../support/cluster.mjs';
import { insist } from '../support/outcome.mjs';
import { startReplica } from '../support/service.mjs';

const delay = 500;
const closeBoundMs = 10_000;
const atOnceMs = 1000;

export default {
  name: 'lifecycle/wedged-query',
  promise:
    'SIGTERM while statements wait for a lock, or for a server that does not answer: exit within the bound; a second signal exits at once',
  needs: ['proc'],
  async run() {
    const cluster = await createCluster();
    // Nobody is turned away for a busy machine
    const env = { SHUTDOWN_DELAY_MS: String(delay), HASH_MAX_WAIT_MS: '4500' };
    const start = () => startReplica({ databaseUrl: cluster.url(), env });
    const locked = await underLock(cluster, await start());
    const users = await cluster.ask('SELECT count(*)::int AS count FROM users');
    const silent = await underSilence(cluster, await start());
    const twice = await underLock(cluster, await start(), { again: true });
    const all = [...locked.answers, ...silent.answers];
    const failed = all.filter(
      ({ status, code, ms }) => status !== 503 || code !== 'DATABASE_UNAVAILABLE' || ms > 5500,
    );
    return insist(
      {
        failed: failed.map(
          ({ status, code, error, ms }) => `${status} ${code ?? error} in ${Math.round(ms)} ms`,
        ),
        'exit 0 under a lock': locked.code === 0 && locked.ms < delay + closeBoundMs,
        'exit under silence': silent.code === 0 && silent.ms < delay + closeBoundMs,
        'exit 1 at the second signal, at once': twice.code === 1 && twice.ms < atOnceMs,
        'what was refused under the lock is not done later': users[0].count === 0,
      },
      {
        saw: `${all.length} requests answered 503; exit ${locked.code} ${Math.round(locked.ms - delay)} ms after the delay under a lock, ${silent.code} ${Math.round(silent.ms - delay)} ms with a silent server; second signal: ${Math.round(twice.ms)} ms`,
        lost: 0,
        figures: { locked: locked.ms, silent: silent.ms, second: twice.ms },
      },
    );
  },
};

async function underLock(cluster, replica, options) {
  const other = await cluster.connect();
  await other.query('BEGIN');
  await other.query('LOCK TABLE users');
  const outcome = await terminate(replica, options);
  await other.query('COMMIT');
  await other.end();
  return outcome;
}

async function underSilence(cluster, replica) {
  cluster.pause();
  const outcome = await terminate(replica);
  cluster.resume();
  await cluster.untilAccepting();
  return outcome;
}

/** SIGTERM with eight registrations under way; with `again`, `ms` counts from the second signal. */
async function terminate(replica, { again = false } = {}) {
  const clients = Array.from({ length: 8 }, () => newClient(replica.origin, { patience: 15_000 }));
  const answers = Promise.all(
    clients.map((client, index) =>
      client.send('POST', '/api/v1/register-user', {
        body: {
          name: 'Ada',
          location: 'London',
          email: `${index}@example.com`,
          password: 'analytical engine',
        },
      }),
    ),
  );
  await sleep(700);
  let began = performance.now();
  replica.child.kill('SIGTERM');
  if (again) {
    await sleep(700);
    began = performance.now();
    replica.child.kill('SIGTERM');
  }
  const { code } = await replica.ended;
  const ms = performance.now() - began;
  return { code, ms, answers: await answers };
}
