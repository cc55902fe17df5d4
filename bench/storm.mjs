import { availableParallelism } from 'node:os';
import { hashLoop } from './hash-loop.mjs';
import { defaults, plan } from './settings.mjs';
import { spread } from './statistics.mjs';

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
    const bare = await hashLoop({ engine, threads, cost: defaults.bcryptCost, seconds: loopSeconds });
    const alone = await storm();
    const probing = probesAfter(settleSeconds, () => probes(stormSeconds));
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

function probesAfter(seconds, probe) {
  return new Promise((resolve, reject) => {
    setTimeout(() => probe().then(resolve, reject), seconds * 1000);
  });
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
