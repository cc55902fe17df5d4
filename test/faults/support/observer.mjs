// Watches the service from a process of its own, so that what attackers cost the attacking process is in no figure: a
// good client, an orchestrator's probes, and the same requests to a server that does nothing, for what the machine costs.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { newClient } from './client.mjs';
import { quantile } from './measure.mjs';

const thisFile = fileURLToPath(import.meta.url);
const patience = 10_000;
// As Kubernetes asks by default, except for the period, which is ten seconds there
const kubelet = { periodMs: 1000, timeoutMs: 1000, failureThreshold: 3 };

/**
 * Asks, until `stop`: /api/v1/me 40 times a second over one connection that is kept alive; /livez 20 times a second and
 * /readyz 10 times, each over a new connection; /livez once a second as a kubelet; and the control 40 times a second.
 *
 * @param {{ origin: string, token: string }} options
 * @returns {Promise<{ stop: () => Promise<Observations> }>}
 */
export async function startObserver({ origin, token }) {
  const control = fork(thisFile, ['control']);
  const [{ port }] = await once(control, 'message');
  const child = fork(thisFile, ['observe']);
  child.send({ origin, token, control: `http://127.0.0.1:${port}` });
  await once(child, 'message');
  return {
    async stop() {
      child.send('stop');
      const [seen] = await once(child, 'message');
      control.kill();
      return new Observations(seen);
    },
  };
}

/** What was seen; times are those of Date.now(). */
class Observations {
  constructor({ samples, transitions }) {
    this.samples = samples;
    this.transitions = transitions;
  }

  /**
   * Of one kind of request: how many, how slow, and those that had another status than 200.
   *
   * @param {[from: number, until: number][]} periods
   */
  of(kind, periods) {
    const among = this.samples[kind].filter(({ at }) =>
      periods.some(([from, until]) => at >= from && at < until),
    );
    const times = among.map(({ ms }) => ms);
    return {
      asked: among.length,
      p50Ms: rounded(quantile(times, 0.5)),
      p99Ms: rounded(quantile(times, 0.99)),
      maxMs: rounded(Math.max(...times)),
      failed: among.filter(({ status }) => status !== 200),
    };
  }

  /** How often an orchestrator would have restarted the process. */
  restarts() {
    let failures = 0;
    let restarts = 0;
    for (const { status, ms } of this.samples.kubelet) {
      failures = status === 200 && ms <= kubelet.timeoutMs ? 0 : failures + 1;
      if (failures === kubelet.failureThreshold) {
        restarts += 1;
        failures = 0;
      }
    }
    return restarts;
  }
}

const rounded = (ms) => Math.round(ms * 10) / 10;

async function observe({ origin, token, control }) {
  const samples = { me: [], livez: [], kubelet: [], control: [] };
  const transitions = [];
  const meClient = newClient(origin, { patience });
  const controlClient = newClient(control, { patience });
  const note = (kind) => (answer) => samples[kind].push(sampleOf(answer));
  const noteReadiness = ({ start, end, status, body, error }) => {
    const ready = status === 200;
    const last = transitions.at(-1);
    if (last?.ready !== ready)
      transitions.push({ asked: clock(start), at: clock(end), ready, reason: body?.reason ?? error });
  };
  const running = [
    repeat(25, () => meClient.send('GET', '/api/v1/me', { token }), note('me')),
    repeat(25, () => controlClient.send('GET', '/'), note('control')),
    repeat(50, () => askOnce(origin, '/livez', patience), note('livez')),
    repeat(kubelet.periodMs, () => askOnce(origin, '/livez', kubelet.timeoutMs + 200), note('kubelet')),
    inTurn(100, () => askOnce(origin, '/readyz', patience), noteReadiness),
  ];
  process.on('message', async () => {
    await Promise.all(running.map((stop) => stop()));
    process.send({ samples, transitions }, () => process.exit());
  });
  process.send('observing');
}

const clock = (time) => performance.timeOrigin + time;
const sampleOf = ({ start, ms, status, code, error }) => ({ at: clock(start), ms, status, code, error });

async function askOnce(origin, target, forMs) {
  const client = newClient(origin, { patience: forMs });
  const answer = await client.send('GET', target);
  client.close();
  return answer;
}

/** At a fixed rate, whether the one before has been answered or not, so that a wait shows in every request that met it. */
function repeat(everyMs, ask, take) {
  const pending = new Set();
  const timer = setInterval(() => {
    const asking = ask().then((answer) => {
      take(answer);
      pending.delete(asking);
    });
    pending.add(asking);
  }, everyMs);
  return async () => {
    clearInterval(timer);
    await Promise.all(pending);
  };
}

/** One after the other, so that the answers come in the order of the questions. */
function inTurn(everyMs, ask, take) {
  let running = true;
  const loop = (async () => {
    while (running) {
      const answer = await ask();
      take(answer);
      await sleep(Math.max(0, everyMs - answer.ms));
    }
  })();
  return () => {
    running = false;
    return loop;
  };
}

async function serveControl() {
  const server = createServer((_request, response) => response.end('{}')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.send({ port: server.address().port });
}

if (process.argv[1] === thisFile) {
  process.on('disconnect', () => process.exit());
  if (process.argv[2] === 'control') await serveControl();
  else process.once('message', observe);
}
