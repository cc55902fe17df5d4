import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { loadEngine } from '../dist/passwords/engine.js';
import { spread } from './report.mjs';
import { defaultOf, plan } from './settings.mjs';

/**
 * A login storm: enough logins at once that the hash threads never rest. How fast /api/v1/me and /livez answer
 * meanwhile, and how many logins get through, against the bare hash loop just before.
 *
 * @param {{ service: object, load: object, credentials: object[], sessions: object[], engine: string }} options
 */
export async function measureStorm({ service, load, credentials, sessions, engine, progress }) {
  const { rounds, loopSeconds, calmSeconds, settleSeconds, stormSeconds, loginsPerThread } = plan.storm;
  const threads = availableParallelism();
  const storm = () =>
    load.loginStorm({
      url: service.url,
      credentials,
      connections: loginsPerThread * threads,
      threads,
      settleSeconds,
      seconds: stormSeconds,
    });
  const probes = probesOf(service, load, sessions);

  progress(`${engine}: latencies without a storm`);
  const calm = await probes(calmSeconds);
  const measured = [];
  for (let round = 1; round <= rounds; round++) {
    progress(`${engine}: bare hash loop and login storm, round ${round} of ${rounds}`);
    const bare = await hashLoop({ engine, threads, cost: defaultOf('BCRYPT_COST'), seconds: loopSeconds });
    const alone = await storm();
    const probing = sleep(settleSeconds * 1000).then(() => probes(stormSeconds));
    const [probed, latencies] = await Promise.all([storm(), probing]);
    measured.push({ bare, alone, probed, latencies });
  }
  const all = (pick) => spread(measured.map(pick));
  return {
    engine,
    threads,
    calm,
    bare: all(({ bare }) => bare),
    alone: all(({ alone }) => alone.perSecond),
    probed: all(({ probed }) => probed.perSecond),
    aloneShare: all(({ alone, bare }) => alone.perSecond / bare),
    probedShare: all(({ probed, bare }) => probed.perSecond / bare),
    refused: measured.reduce((sum, { alone, probed }) => sum + alone.refused + probed.refused, 0),
    stormy: {
      me: merge(measured.map(({ latencies }) => latencies.me)),
      livez: merge(measured.map(({ latencies }) => latencies.livez)),
    },
  };
}

function probesOf(service, load, sessions) {
  const { meRate, livezRate } = plan.storm;
  const tokens = sessions.map(({ access_token }) => access_token);
  return async (seconds) => {
    const [me, livez] = await Promise.all([
      load.fixedRate({ url: `${service.url}/api/v1/me`, tokens, rate: meRate, seconds }),
      load.fixedRate({ url: `${service.url}/livez`, rate: livezRate, seconds }),
    ]);
    return { me, livez };
  };
}

/** The middle of the rounds for the percentiles, the worst for the rest. */
function merge(rounds) {
  const of = (name) => rounds.map((round) => round[name]);
  const sum = (name) => of(name).reduce((a, b) => a + b, 0);
  return {
    p50: spread(of('p50')).median,
    p99: spread(of('p99')).median,
    p99Rounds: of('p99'),
    max: Math.max(...of('max')),
    sent: sum('sent'),
    failed: sum('failed'),
  };
}

/**
 * What the machine can hash when it does nothing else: the same engine in a bare loop on as many threads.
 *
 * @returns {Promise<number>} hashes per second of all threads together
 */
async function hashLoop({ engine, threads, cost, seconds }) {
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL(import.meta.url), { workerData: { engine, cost, seconds } }),
  );
  // All start together, once the last one has warmed up
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const rates = workers.map((worker) => once(worker, 'message'));
  for (const worker of workers) worker.postMessage('start');
  return (await Promise.all(rates)).reduce((sum, [rate]) => sum + rate, 0);
}

// Any salt costs the same
const settingAt = (cost) => `$2b$${String(cost).padStart(2, '0')}$abcdefghijklmnopqrstuu`;

async function loop({ engine, cost, seconds }) {
  const { bcrypt } = await loadEngine(engine);
  bcrypt('warm up', settingAt(Math.min(cost, 10)));
  parentPort.postMessage('ready');
  await once(parentPort, 'message');
  const began = performance.now();
  let hashes = 0;
  do {
    bcrypt('a password of usual length', settingAt(cost));
    hashes++;
  } while (performance.now() - began < seconds * 1000);
  parentPort.postMessage((hashes * 1000) / (performance.now() - began));
}

if (!isMainThread) await loop(workerData);
