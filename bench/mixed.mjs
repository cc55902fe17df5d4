import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { hashLoop } from './hash-loop.mjs';
import { startOpenLoop } from './open-loop.mjs';
import { summarise } from './rounds.mjs';
import { summariseScenario } from './scenarios.mjs';
import { plan, quick } from './settings.mjs';
import { quantile } from './statistics.mjs';

const shares = { me: 0.9, refresh: 0.08, login: 0.02 };

/**
 * A service that has just started, left alone, then under requests of all kinds that come when they come, then left alone again: what it
 * answers and what memory it keeps.
 *
 * @param {{ service: object, people: { sessions: object[], credentials: object[] }, prober: object }} options `sessions` are used by nothing
 *   else
 */
export async function measureMixed({ service, people, prober, progress }) {
  const { idleSeconds, warmUpSeconds, rounds, seconds, hashShare } = plan.mixed;
  progress(`memory of a service that has just started, after ${idleSeconds} s`);
  await sleep(idleSeconds * 1000);
  const idle = service.residentMegabytes();
  const hashes = await hashLoop({
    engine: 'auto',
    threads: availableParallelism(),
    seconds: Math.min(2, seconds),
  });
  const rate = Math.max(50, Math.round((hashes * hashShare) / shares.login));

  const client = startOpenLoop();
  const measured = [];
  try {
    await client.hold({ port: Number(new URL(service.url).port), ...people });
    await offer(client, rate, warmUpSeconds);
    for (let round = 1; round <= rounds; round++) {
      progress(`mixed load, ${rate} requests a second; ${round} of ${rounds}`);
      const load = () => service.cpuMicros(() => offer(client, rate, seconds));
      const { result, livez } = await prober.during(service.url, load);
      measured.push({ ...result.result, micros: result.micros / result.result.answered, livez });
    }
  } finally {
    await client.stop();
  }
  progress(`memory after mixed load and ${idleSeconds} s of rest`);
  await sleep(idleSeconds * 1000);
  const after = service.residentMegabytes();
  return {
    scenario: { name: 'mixed', rate, shares, ...summariseScenario(measured) },
    memory: {
      idle,
      peak: service.peakMegabytes(),
      after,
      growth: after / idle - 1,
      loadSeconds: rounds * seconds,
    },
    late: summarise(measured.map(({ late }) => late)),
  };
}

/** Requests of all kinds, each of which must be answered 200; a login may be refused, as on a machine that is too busy to hash. */
async function offer(client, rate, seconds) {
  const { answers, late } = await client.offer({ rate, seconds, shares });
  const mayBeRefused = ({ kind, isRefused }) => isRefused && (kind === 'login' || quick);
  const answered = answers.filter(({ status }) => status === 200);
  const refused = answers.filter(mayBeRefused);
  const wrong = answers.filter((answer) => answer.status !== 200 && !mayBeRefused(answer));
  if (wrong.length > 0) {
    const [{ kind, status, code }] = wrong;
    const such = `such as a ${kind}: ${status} ${code ?? ''}`;
    throw new Error(`mixed: ${wrong.length} of ${answers.length} were not answered 200, ${such}`);
  }
  for (const kind of Object.keys(shares)) {
    const isOf = (answer) => answer.kind === kind;
    const [served, lost] = [answered.filter(isOf).length, refused.filter(isOf).length];
    if (served === 0 || (lost > served && !quick))
      throw new Error(`mixed: ${served} × ${kind} were answered and ${lost} refused`);
  }
  const latencies = answered.filter(({ kind }) => kind !== 'login').map(({ ms }) => ms);
  return {
    perSecond: answered.length / seconds,
    answered: answered.length,
    refused: refused.length,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    late: quantile(late, 0.99),
  };
}
