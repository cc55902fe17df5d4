import { setTimeout as sleep } from 'node:timers/promises';
import { conclude, latencyBroken, loginBroken, phase, withoutFailures } from './bars.mjs';
import { newClient } from './client.mjs';
import { createCluster } from './cluster.mjs';
import { usageOf } from './measure.mjs';
import { startObserver } from './observer.mjs';
import { poolBroken } from './pool.mjs';
import { goodPerson } from './requests.mjs';
import { startReplica } from './service.mjs';

// What a process that was hardly used before comes to need, once, and keeps: measured as 10 to 30 MB, and 23 KB for each
// connection that had a request under way
const growthMb = 60;
const growthOfConnectionMb = 0.03;

/**
 * Runs the service with a good client and an orchestrator beside attackers, and holds what these saw, and what the process
 * holds afterwards, to the promises of docs/reliability.md.
 *
 * @param {object} options
 * @param {(at: { replica, cluster, short, log }) => Promise<{ saw: string, broken: string[], connections?: number, figures?: object }>} options.attack
 *   is run twice or more: what the first times leave behind is what the process needs from then on, and the last adds nothing;
 *   `connections` is how many it had open at once, where these are thousands
 * @param {number} [options.times] how often it is run
 * @param {number} [options.shortTimes] and in the short form
 * @param {(line: string) => boolean} [options.mayLog] lines of the log that tell of an error which the attack itself causes
 */
export async function hostileFault({
  short,
  log,
  attack,
  env,
  times = 2,
  shortTimes = 1,
  mayLog = () => false,
}) {
  const cluster = await createCluster();
  const replica = await startReplica({ databaseUrl: cluster.url(), env });
  const token = await registerAndLogIn(replica.origin);
  const observer = await startObserver({ origin: replica.origin, token });
  const rounds = [];
  const calmFrom = Date.now() + 1000;
  await sleep(short ? 4000 : 6000);
  const calmUntil = Date.now();
  const before = await settledUsage(replica);
  for (let round = 0; round < (short ? shortTimes : times); round += 1) {
    const from = Date.now();
    const attacked = await attack({ replica, cluster, short, log });
    const until = Date.now();
    const login = await logIn(replica.origin);
    log(`round ${round + 1}: ${attacked.saw}; a login right after took ${Math.round(login.ms)} ms`);
    await sleep(1500);
    rounds.push({ ...attacked, from, until, login, usage: await settledUsage(replica) });
  }
  const seen = await observer.stop();
  const pool = await poolBroken({ cluster, origin: replica.origin, token });
  return judge({
    seen,
    rounds,
    before,
    calmFrom,
    calmUntil,
    pool,
    replica,
    errors: errorsOf(replica).filter((line) => !mayLog(line)),
  });
}

export async function registerAndLogIn(origin) {
  const client = newClient(origin, { patience: 10_000 });
  const answer = await client.send('POST', '/api/v1/register-user', {
    body: { name: 'Good', location: 'London', ...goodPerson },
  });
  client.close();
  if (answer.status !== 201) throw new Error(`registration answered ${answer.status} ${answer.code}`);
  return (await logIn(origin)).body.access_token;
}

async function logIn(origin) {
  const client = newClient(origin, { patience: 40_000 });
  const answer = await client.send('POST', '/api/v1/auth/login', { body: goodPerson });
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

function judge({ seen, rounds, before, calmFrom, calmUntil, pool, replica, errors }) {
  const calm = phase(seen, [[calmFrom, calmUntil]]);
  const during = phase(
    seen,
    rounds.map(({ from, until }) => [from, until]),
  );
  const usages = [before, ...rounds.map(({ usage }) => usage)];
  const broken = [
    ...rounds.flatMap((round) => round.broken),
    ...latencyBroken(calm, during),
    ...(seen.restarts() > 0 ? [`an orchestrator would have restarted it ${seen.restarts()} times`] : []),
    ...(seen.transitions.length > 1 ? [`/readyz changed: ${JSON.stringify(seen.transitions)}`] : []),
    ...rounds.flatMap(({ login }) => loginBroken(login, calm)),
    ...leaks(usages, Math.max(...rounds.map(({ connections = 0 }) => connections))),
    ...pool,
    ...(replica.isRunning() ? [] : ['the process has ended']),
    ...errors.slice(0, 1).map((line) => `an error in the log: ${line}`),
  ];
  const figures = {
    rounds: rounds.map((round) => ({ ...round.figures, loginAfterMs: Math.round(round.login.ms) })),
    calm: withoutFailures(calm),
    during: withoutFailures(during),
    usage: usages.map(({ rssMb, descriptors }) => ({ rssMb: Math.round(rssMb), descriptors })),
  };
  const result = {
    saw: `${rounds.at(-1).saw}; good client p99 ${during.me.p99Ms} ms (${calm.me.p99Ms} in calm), /livez p99 ${during.livez.p99Ms} ms (${calm.livez.p99Ms})`,
    recoveredMs: Math.max(...rounds.map(({ login }) => login.ms)),
    figures,
  };
  return conclude({ broken, calm, result });
}

/** @param {object[]} usages before the first round, and after each */
function leaks(usages, connections) {
  const [before, first, last] = [usages[0], usages[1], usages.at(-1)];
  const usual = Math.max(first.rssMb, ...usages.slice(1, -1).map(({ rssMb }) => rssMb));
  const grown = (from) => `memory: ${Math.round(from.rssMb)} MB, and ${Math.round(last.rssMb)} MB at the end`;
  const broken = [];
  // The pool may have opened connections to the database meanwhile
  if (last.descriptors > before.descriptors + 12)
    broken.push(`file descriptors: ${before.descriptors} before, ${last.descriptors} after`);
  if (last.rssMb > before.rssMb + growthMb + growthOfConnectionMb * connections) broken.push(grown(before));
  if (last.rssMb > usual * 1.2 + 20) broken.push(`in the rounds before, ${grown({ rssMb: usual })}`);
  return broken;
}

const errorsOf = (replica) =>
  replica
    .log()
    .split('\n')
    .filter((line) => /"level":[56]0/.test(line));
