import { setTimeout as sleep } from 'node:timers/promises';
import { newClient } from '../support/client.mjs';
import { createCluster } from '../support/cluster.mjs';
import { endsWithinMs, insist } from '../support/outcome.mjs';
import { login } from '../support/requests.mjs';
import { startReplica } from '../support/service.mjs';
import { Swarm } from '../support/swarm.mjs';

const delay = 500;
const closeBoundMs = 10_000;
const atOnceMs = 1000;
// One, and as many as may wait behind it
const pipelined = 33;

export default {
  name: 'lifecycle/wedged-query',
  promise:
    'SIGTERM while statements wait for a lock, or for a server that does not answer: exit within the bound; pipelined requests do not make it longer, and a second signal exits at once',
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
    const lined = await underLock(cluster, await start(), { send: pipelineLogins });
    const all = [...locked.answers, ...silent.answers];
    const failed = all.filter(
      ({ status, code, ms }) => status !== 503 || code !== 'DATABASE_UNAVAILABLE' || ms > endsWithinMs,
    );
    return insist(
      {
        failed: failed.map(
          ({ status, code, error, ms }) => `${status} ${code ?? error} in ${Math.round(ms)} ms`,
        ),
        'exit 0 under a lock': locked.code === 0 && locked.ms < delay + closeBoundMs,
        'exit under silence': silent.code === 0 && silent.ms < delay + closeBoundMs,
        'exit 0 with pipelined logins under a lock':
          (lined.code === 0 && lined.ms < delay + closeBoundMs) ||
          `${lined.code} in ${Math.round(lined.ms)} ms`,
        'exit 1 at the second signal, at once': twice.code === 1 && twice.ms < atOnceMs,
        'what was refused under the lock is not done later': users[0].count === 0,
      },
      {
        saw: `${all.length} requests answered 503; exit ${locked.code} ${Math.round(locked.ms - delay)} ms after the delay under a lock, ${silent.code} ${Math.round(silent.ms - delay)} ms with a silent server, ${lined.code} after ${Math.round(lined.ms - delay)} ms with ${pipelined} pipelined logins; second signal: ${Math.round(twice.ms)} ms`,
        lost: 0,
        figures: { locked: locked.ms, silent: silent.ms, pipelined: lined.ms, second: twice.ms },
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

/** SIGTERM with requests under way, by default eight registrations; with `again`, `ms` counts from the second signal. */
async function terminate(replica, { again = false, send = register } = {}) {
  const answers = send(replica);
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

function register({ origin }) {
  const clients = Array.from({ length: 8 }, () => newClient(origin, { patience: 15_000 }));
  return Promise.all(
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
}

/** Each waits for the lock in its turn. */
async function pipelineLogins({ port }) {
  const swarm = new Swarm(port);
  await swarm.open(1, { first: () => login().repeat(pipelined) });
}
