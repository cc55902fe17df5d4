import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { hashLoop } from './hash-loop.mjs';
import { summarise, summariseRatio } from './rounds.mjs';
import { plan } from './settings.mjs';

/**
 * A login storm: enough logins at once that the hash threads never rest. How many get through against the bare hash loop just before, and
 * how fast /api/v1/me and /livez answer meanwhile, against how fast they did just before.
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
  await read(Math.min(1, calmSeconds));
  const measured = [];
  for (let round = 1; round <= rounds; round++) {
    progress(
      `${engine}: bare hash loop, login storm, and the same beside reads; round ${round} of ${rounds}`,
    );
    const bare = await hashLoop({ engine, threads, seconds: loopSeconds });
    const alone = await storm();
    const calm = await read(calmSeconds);
    const reading = sleep(settleSeconds * 1000).then(() => read(stormSeconds));
    const [beside, stormy] = await Promise.all([storm(), reading]);
    measured.push({ bare, alone, beside, calm, stormy });
  }
  const all = (pick) => measured.map(pick);
  const bare = all((round) => round.bare);
  const alone = all((round) => round.alone.perSecond);
  const beside = all((round) => round.beside.perSecond);
  return {
    engine,
    threads,
    bare: summarise(bare),
    alone: summarise(alone),
    beside: summarise(beside),
    aloneShare: summariseRatio(alone, bare),
    besideShare: summariseRatio(beside, bare),
    refused: all((round) => round.alone.refused + round.beside.refused).reduce((a, b) => a + b, 0),
    calm: latencies(all((round) => round.calm)),
    stormy: latencies(all((round) => round.stormy)),
    meP99Ratio: summariseRatio(
      all((round) => round.stormy.me.p99),
      all((round) => round.calm.me.p99),
    ),
  };
}

function latencies(rounds) {
  const of = (kind, quantile) => summarise(rounds.map((round) => round[kind][quantile]));
  return {
    meP50: of('me', 'p50'),
    meP99: of('me', 'p99'),
    livezP99: of('livez', 'p99'),
    proberLateP99: of('livez', 'lateP99'),
    meMax: of('me', 'max'),
    livezMax: of('livez', 'max'),
  };
}
