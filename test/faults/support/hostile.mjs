import { setTimeout as sleep } from 'node:timers/promises';
import { newClient } from './client.mjs';
import { createCluster } from './cluster.mjs';
import { usageOf } from './measure.mjs';
import { startObserver } from './observer.mjs';
import { startReplica } from './service.mjs';

// Of a quiet machine of two cores, on which a server that does nothing has a p99 of less than `quietP99Ms` in calm
const bars = { me: 100, livez: 50, loginAfter: 1000 };
const quietP99Ms = 10;

const person = { email: 'good@example.com', password: 'analytical engine' };

/**
 * Runs the service with a good client and an orchestrator beside attackers, and holds what these saw, and what the process
 * holds afterwards, to the promises of docs/reliability.md.
 *
 * @param {object} options
 * @param {(at: { replica, cluster, short, log }) => Promise<{ saw: string, broken: string[], figures?: object }>} options.attack
 *   is run twice, but for the short form: what the first time leaves behind is what the process needs from then on, and the second adds nothing
 */
export async function hostileFault({ short, log, attack, env }) {
  const cluster = await createCluster();
  const replica = await startReplica({ databaseUrl: cluster.url(), env });
  const token = await registerAndLogIn(replica.origin);
  const observer = await startObserver({ origin: replica.origin, token });
  const rounds = [];
  const calmFrom = Date.now() + 1000;
  await sleep(short ? 3000 : 5000);
  const calmUntil = Date.now();
  const before = await settledUsage(replica);
  for (let round = 0; round < (short ? 1 : 2); round += 1) {
    const from = Date.now();
    const attacked = await attack({ replica, cluster, short, log });
    const until = Date.now();
    const login = await logIn(replica.origin);
    log(`round ${round + 1}: ${attacked.saw}; a login right after took ${Math.round(login.ms)} ms`);
    const calmAgain = Date.now();
    await sleep(1500);
    const usage = await settledUsage(replica);
    rounds.push({ ...attacked, from, until, login, usage, calmFrom: calmAgain, calmUntil: Date.now() });
  }
  const seen = await observer.stop();
  const connections = await connectionsAtWork(cluster);
  return judge({ seen, rounds, before, calmFrom, calmUntil, connections, replica });
}

export async function registerAndLogIn(origin) {
  const client = newClient(origin, { patience: 10_000 });
  const answer = await client.send('POST', '/api/v1/register-user', {
    body: { name: 'Good', location: 'London', ...person },
  });
  client.close();
  if (answer.status !== 201) throw new Error(`registration answered ${answer.status} ${answer.code}`);
  return (await logIn(origin)).body.access_token;
}

async function logIn(origin) {
  const client = newClient(origin, { patience: 40_000 });
  const answer = await client.send('POST', '/api/v1/auth/login', { body: person });
  client.close();
  return answer;
}

/** The least of several readings over two seconds: memory that is about to be collected says nothing. */
async function settledUsage({ pid }) {
  const readings = [];
  for (let reading = 0; reading < 10; reading += 1) {
    readings.push(usageOf(pid));
    await sleep(200);
  }
  return readings.reduce((least, each) => (each.rssMb < least.rssMb ? each : least));
}

async function connectionsAtWork(cluster) {
  const [{ open, busy }] = await cluster.ask(
    `SELECT count(*)::int AS open, count(*) FILTER (WHERE state LIKE 'idle in%')::int AS busy
     FROM pg_stat_activity WHERE application_name LIKE 'gatehouse%'`,
  );
  return { open, busy };
}

function judge({ seen, rounds, before, calmFrom, calmUntil, connections, replica }) {
  const calm = phase(seen, [
    [calmFrom, calmUntil],
    ...rounds.map(({ calmFrom: after, calmUntil: end }) => [after, end]),
  ]);
  const during = phase(
    seen,
    rounds.map(({ from, until }) => [from, until]),
  );
  const [first, last] = [rounds[0].usage, rounds.at(-1).usage];
  const broken = [
    ...rounds.flatMap((round) => round.broken),
    ...latencyBroken(calm, during),
    ...(seen.restarts() > 0 ? [`an orchestrator would have restarted it ${seen.restarts()} times`] : []),
    ...(seen.transitions.length > 1 ? [`/readyz changed: ${JSON.stringify(seen.transitions)}`] : []),
    ...rounds.flatMap(({ login }) => loginBroken(login, calm)),
    ...leaks({ before, first, last, connections }),
    ...(replica.isRunning() ? [] : ['the process has ended']),
    ...(/"level":[56]0/.test(replica.log()) ? [`an error in the log: ${firstError(replica)}`] : []),
  ];
  const held = ({ rssMb, descriptors }) => ({ rssMb: Math.round(rssMb), descriptors });
  const figures = {
    rounds: rounds.map((round) => ({ ...round.figures, loginAfterMs: Math.round(round.login.ms) })),
    calm: withoutFailures(calm),
    during: withoutFailures(during),
    usage: { before: held(before), first: held(first), last: held(last) },
    connections,
  };
  const result = {
    saw: `${rounds.at(-1).saw}; good client p99 ${during.me.p99Ms} ms (${calm.me.p99Ms} in calm), /livez p99 ${during.livez.p99Ms} ms (${calm.livez.p99Ms})`,
    recoveredMs: Math.max(...rounds.map(({ login }) => login.ms)),
    figures,
  };
  if (broken.length > 0) throw Object.assign(new Error(broken.slice(0, 12).join('\n')), { result });
  return result;
}

export const phase = (seen, periods) =>
  Object.fromEntries(['me', 'livez', 'control'].map((kind) => [kind, seen.of(kind, periods)]));

export const withoutFailures = (kinds) =>
  Object.fromEntries(
    Object.entries(kinds).map(([kind, { failed, ...figures }]) => [
      kind,
      { ...figures, failed: failed.length },
    ]),
  );

/**
 * The good client and the probe, held to their bars. What the machine has to do besides slows a server that does nothing as
 * well: where it is busy, the bars are wider by that much.
 */
export function latencyBroken(calm, during, kinds = ['me', 'livez']) {
  return kinds.flatMap((kind) => {
    const { asked, p99Ms, failed } = during[kind];
    const bar = Math.round(bars[kind] * busyness(calm));
    const broken = failed
      .slice(0, 3)
      .map(
        ({ status, code, error, ms }) =>
          `${kind}: ${status ?? error} ${code ?? ''} after ${Math.round(ms)} ms`,
      );
    if (asked < 20) broken.push(`${kind} was hardly asked: ${asked} times`);
    if (p99Ms > bar) broken.push(`${kind}: p99 ${p99Ms} ms, more than ${bar}`);
    return broken;
  });
}

const busyness = (calm) => Math.max(1, calm.control.p99Ms / quietP99Ms);

function loginBroken({ status, code, ms }, calm) {
  const isQuick = status === 200 && ms < bars.loginAfter * busyness(calm);
  return isQuick ? [] : [`a login right after: ${status} ${code ?? ''} in ${Math.round(ms)} ms`];
}

function leaks({ before, first, last, connections }) {
  const broken = [];
  // The pool may have opened connections to the database meanwhile
  if (last.descriptors > before.descriptors + 12)
    broken.push(`file descriptors: ${before.descriptors} before, ${last.descriptors} after`);
  if (last.rssMb > first.rssMb * 1.2 + 20)
    broken.push(
      `memory: ${Math.round(first.rssMb)} MB after one round, ${Math.round(last.rssMb)} MB after two`,
    );
  if (connections.busy > 0) broken.push(`${connections.busy} connections to the database in a transaction`);
  return broken;
}

const firstError = (replica) =>
  replica
    .log()
    .split('\n')
    .find((line) => /"level":[56]0/.test(line));
