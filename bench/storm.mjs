import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { hashLoop } from './hash-loop.mjs';
import { alternate, summarise, summariseRatio } from './rounds.mjs';
import { plan } from './settings.mjs';

const titles = {
  bare: 'the bare hash loop',
  alone: 'a login storm',
  calm: 'reads without a storm',
  beside: 'a login storm beside reads',
};

/**
 * A login storm: enough logins at once that the hash threads never rest. How many get through against the bare hash loop, and how fast
 * /api/v1/me and /livez answer meanwhile, against how fast they do without one. All of it takes turns.
 *
 * @param {{ service: object, load: object, prober: object, engine: string, progress: (message: string) => void }} options
 */
export async function measureStorm({ service, load, prober, engine, progress }) {
  const { rounds, loopSeconds, calmSeconds, settleSeconds, stormSeconds, loginsPerThread, meRate } =
    plan.storm;
  const threads = availableParallelism();
  const { url } = service;
  const storm = () =>
    load.loginStorm({
      url,
      connections: loginsPerThread * threads,
      threads,
      settleSeconds,
      seconds: stormSeconds,
    });
  const read = async (seconds) => {
    const { result, livez } = await prober.during(url, () => load.fixedRate({ url, rate: meRate, seconds }));
    return { me: result, livez };
  };
  await load.closedLoop({ url, kind: 'me', ...plan.storm.warmUp });
  const parts = {
    bare: () => hashLoop({ engine, threads, seconds: loopSeconds }),
    alone: storm,
    async calm() {
      // What a storm has left behind is not part of it
      await read(settleSeconds);
      return read(calmSeconds);
    },
    async beside() {
      const reading = sleep(settleSeconds * 1000).then(() => read(stormSeconds));
      const [logins, reads] = await Promise.all([storm(), reading]);
      return { logins, reads };
    },
  };
  const measured = await alternate(rounds, parts, (part, name) => {
    progress(`${engine}: ${titles[name]}`);
    return part();
  });
  const { bare, calm } = measured;
  const alone = measured.alone.map(({ perSecond }) => perSecond);
  const beside = measured.beside.map(({ logins }) => logins.perSecond);
  const stormy = measured.beside.map(({ reads }) => reads);
  const storms = [...measured.alone, ...measured.beside.map(({ logins }) => logins)];
  return {
    engine,
    threads,
    bare: summarise(bare),
    alone: summarise(alone),
    beside: summarise(beside),
    aloneShare: summariseRatio(alone, bare),
    besideShare: summariseRatio(beside, bare),
    refused: storms.reduce((sum, { refused }) => sum + refused, 0),
    calm: latencies(calm),
    stormy: latencies(stormy),
    meP99Ratio: summariseRatio(
      stormy.map(({ me }) => me.p99),
      calm.map(({ me }) => me.p99),
    ),
  };
}

function latencies(rounds) {
  const of = (kind, quantile) => summarise(rounds.map((round) => round[kind][quantile]));
  return {
    meP50: of('me', 'p50'),
    meP99: of('me', 'p99'),
    meLateP99: of('me', 'lateP99'),
    livezP99: of('livez', 'p99'),
    proberLateP99: of('livez', 'lateP99'),
    meMax: of('me', 'max'),
    livezMax: of('livez', 'max'),
  };
}
