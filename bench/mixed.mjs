import { fork } from 'node:child_process';
import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { stop } from '../scripts/processes.mjs';
import { hashLoop } from './hash-loop.mjs';
import { summariseScenario } from './scenarios.mjs';
import { plan, quick } from './settings.mjs';
import { quantile } from './statistics.mjs';

const shares = { me: 0.9, refresh: 0.08, login: 0.02 };

/**
 * A service that has just started, left alone, then under requests of all kinds that come when they come, then left alone again: what it
 * answers and what memory it keeps. V8 gets the time to give memory back.
 *
 * @param {{ service: object, people: { sessions: object[], credentials: object[] }, prober: object }} options `sessions` are used by nothing
 *   else
 */
export async function measureMixed({ service, people, prober, progress }) {
  const { idleSeconds, rounds, seconds, hashShare } = plan.mixed;
  progress(`memory of a service that has just started, after ${idleSeconds} s`);
  await sleep(idleSeconds * 1000);
  const idle = service.residentMegabytes();
  const hashes = await hashLoop({
    engine: 'auto',
    threads: availableParallelism(),
    seconds: Math.min(2, seconds),
  });
  const rate = Math.max(50, Math.round((hashes * hashShare) / shares.login));

  const client = await startClient({ port: Number(new URL(service.url).port), ...people });
  const measured = [];
  const highest = { megabytes: 0 };
  try {
    for (let round = 1; round <= rounds; round++) {
      progress(`mixed load, ${rate} requests a second; ${round} of ${rounds}`);
      const load = () => service.cpuMicros(() => client.offer(rate, seconds));
      const { result, livez } = await prober.during(service.url, load);
      measured.push({ ...result.result, micros: result.micros / (rate * seconds), livez });
      highest.megabytes = Math.max(highest.megabytes, service.residentMegabytes());
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
      highest: highest.megabytes,
      after,
      growth: after / idle - 1,
      loadSeconds: rounds * seconds,
    },
  };
}

/** The client of the overload, at a load that can be carried. */
async function startClient(world) {
  const child = fork(fileURLToPath(new URL('open-loop.mjs', import.meta.url)));
  const ask = async (message) => {
    const answer = once(child, 'message');
    child.send(message);
    return (await answer)[0];
  };
  await ask({ ...world, rate: 20, seconds: 0.5, shares });
  return {
    stop: () => stop(child),
    async offer(rate, seconds) {
      const { answers } = await ask({ rate, seconds, shares });
      const mayBeRefused = ({ kind, isRefused }) => isRefused && (kind === 'login' || quick);
      const wrong = answers.filter((answer) => answer.status !== 200 && !mayBeRefused(answer));
      if (wrong.length > 0) {
        const [{ kind, status, code }] = wrong;
        const such = `such as a ${kind}: ${status} ${code ?? ''}`;
        throw new Error(`mixed: ${wrong.length} of ${answers.length} were not answered 200, ${such}`);
      }
      const latencies = answers.filter(({ kind }) => kind !== 'login').map(({ ms }) => ms);
      return {
        perSecond: answers.length / seconds,
        refused: answers.filter(mayBeRefused).length,
        p50: quantile(latencies, 0.5),
        p99: quantile(latencies, 0.99),
      };
    },
  };
}
