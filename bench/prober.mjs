import { Agent } from 'node:http';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { untilDue } from './due.mjs';
import { serveRemote, startRemote } from './remote.mjs';
import { quantile } from './statistics.mjs';
import { problemsAmong, timedGet } from './timed-get.mjs';

const thisFile = fileURLToPath(import.meta.url);
const everyMs = 10;

/** Starts the process that asks for /livez while something else is measured. */
export function startProber() {
  const { watch, report, stop } = startRemote(thisFile, ['watch', 'report']);
  return {
    stop,
    /**
     * Runs `work` and asks for /livez meanwhile.
     *
     * @returns what `work` gave, and `livez`: its latencies, in milliseconds from when each request was due
     */
    async during(url, work) {
      await watch({ url: `${url}/livez` });
      try {
        const result = await work();
        return { result, livez: await report() };
      } catch (error) {
        await report().catch(() => {});
        throw error;
      }
    },
  };
}

let watching;

/** Sends requests at a fixed rate, whether or not the last has been answered: a service that stalls is charged for all it kept waiting. */
function watch({ url }) {
  const agent = new Agent({ keepAlive: true });
  const answers = [];
  const late = [];
  const state = { isOver: false };
  const loop = async () => {
    const began = performance.now();
    for (let index = 0; !state.isOver; index++) {
      const due = began + index * everyMs;
      await untilDue(due);
      late.push(performance.now() - due);
      answers.push(timedGet(url, { agent }, due));
    }
  };
  watching = { agent, answers, late, state, done: loop() };
}

async function report() {
  const { agent, answers, late, state, done } = watching;
  state.isOver = true;
  await done;
  const given = await Promise.all(answers);
  agent.destroy();
  const problems = problemsAmong(given);
  if (problems !== '') throw new Error(`/livez: ${problems}`);
  const latencies = given.map(({ ms }) => ms);
  return {
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    max: Math.max(...latencies),
    sent: given.length,
    // The part of it that is the prober's own waiting for a core
    lateP99: quantile(late, 0.99),
  };
}

if (process.argv[1] === thisFile) serveRemote({ watch, report });
