import { setTimeout as sleep } from 'node:timers/promises';
import { newClient } from '../support/client.mjs';
import { createCluster } from '../support/cluster.mjs';
import { elsewhere, newBalancedClient, pipeline, untilUnready } from '../support/last-connection.mjs';
import { answersOf, auditOf, failures, insist } from '../support/outcome.mjs';
import { startReplica } from '../support/service.mjs';
import { startTraffic } from '../support/traffic.mjs';

const closeBoundMs = 10_000;
// 32 connections that are kept alive, and eight more that pipeline as fast as they get answers. In the short form the delay
// is to be long enough for each kind as well
const mixOf = (short) => ({
  register: { users: 3, pause: short ? 300 : 1000 },
  login: { users: 3, pause: short ? 300 : 1000 },
  refresh: { users: 10, pause: 40 },
  me: { users: 16, pause: 30 },
});

export default {
  name: 'lifecycle/sigterm',
  promise: 'SIGTERM under load of keep-alive and pipelining clients: no request fails, and exit 0',
  needs: ['proc'],
  run: ({ short }) => terminated({ short }),
};

/** Ends a replica under load, which may be one with workers, and gives what its clients saw. */
export async function terminated({ short, settings = {} }) {
  const delay = short ? 2000 : 5000;
  const cluster = await createCluster();
  // Nobody is turned away for a busy machine
  const env = { SHUTDOWN_DELAY_MS: String(delay), HASH_MAX_WAIT_MS: '4500', ...settings };
  const replica = await startReplica({ databaseUrl: cluster.url(), env });
  const balancer = { closed: false };
  const traffic = await startTraffic({
    origins: [replica.origin],
    mix: mixOf(short),
    connect: (origin, options) => newBalancedClient(origin, balancer, options),
  });
  const headers = { authorization: `Bearer ${await logIn(replica.origin, traffic.ledger)}` };
  const pipelines = Array.from({ length: 8 }, () =>
    pipeline(replica.origin, balancer, { path: '/api/v1/me', headers }),
  );
  await sleep(2000);

  const began = performance.now();
  replica.child.kill('SIGTERM');
  const unreadyMs = (await untilUnready(replica.origin)) - began;
  // It took the load balancer nearly all of the delay to notice
  await sleep(began + delay - 300 - performance.now());
  balancer.closed = true;
  const { code, signal } = await replica.ended;
  const endedMs = performance.now() - began;
  await traffic.stop();
  const pipelined = await Promise.all(pipelines);

  const { ledger } = traffic;
  const audited = await auditOf(cluster, ledger);
  const sent = ledger.requests.filter(({ error }) => error !== elsewhere);
  const since = sent.filter(({ start }) => start > began);
  const failed = [...failures(sent), ...pipelined.flatMap((each) => each.failed)];
  const resets = failed.filter((each) => each.includes('ECONNRESET')).length;
  const answered = pipelined.reduce((sum, each) => sum + each.answered, 0);
  return insist(
    {
      failed,
      'served for the delay': served(since, began, delay),
      'unready at once': unreadyMs < 1000,
      'exit 0': code === 0 || `code ${code}, ${signal}`,
      'exit in time': endedMs < delay + closeBoundMs,
      lost: audited.lost,
      twice: audited.twice,
      violations: ledger.violations,
    },
    {
      saw: `${failed.length} of ${sent.length + answered} failed, ${resets} connections reset; unready after ${Math.round(unreadyMs)} ms; exit ${code} ${Math.round(endedMs - delay)} ms after the delay`,
      lost: audited.lost.length,
      figures: {
        answers: answersOf(sent),
        sinceSignal: since.length,
        pipelined: { answered, repeated: pipelined.reduce((sum, { repeated }) => sum + repeated, 0) },
        unreadyMs,
        endedMs,
        delay,
      },
    },
  );
}

/** In each half second until the load balancer has noticed, there were requests, and of each kind in the whole. */
function served(since, began, delay) {
  const idle = [];
  for (let from = began; from + 500 < began + delay - 300; from += 500) {
    if (!since.some(({ end }) => end >= from && end < from + 500))
      idle.push(`nothing ${Math.round(from - began)} ms after the signal`);
  }
  for (const kind of Object.keys(mixOf(false)))
    if (!since.some((each) => each.kind === kind)) idle.push(`no ${kind}`);
  return idle;
}

async function logIn(origin, ledger) {
  const client = newClient(origin, { patience: 5000 });
  const [person] = ledger.people.values();
  const { email, password } = person;
  const body = { email, password };
  const session = ledger.loggedIn(person, await client.send('POST', '/api/v1/auth/login', { body }));
  client.close();
  return session.accessToken;
}
