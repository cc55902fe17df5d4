import { setTimeout as sleep } from 'node:timers/promises';
import { hostileFault } from '../support/hostile.mjs';
import { login } from '../support/requests.mjs';
import { slowPipelines } from '../support/slow-pipelines.mjs';
import { Swarm } from '../support/swarm.mjs';

const headersTimeoutMs = 8000;
const requestTimeoutMs = 10_000;
const lateMs = 3000;

export default {
  name: 'hostile/slow-requests',
  promise:
    'Headers and bodies that come byte by byte: 408 REQUEST_TIMEOUT by headersTimeout (8 s) or requestTimeout (10 s), behind slow logins too',
  needs: ['proc', 'files:2000'],
  // The slow logins have waited for a lock in vain
  run: (context) =>
    hostileFault({ ...context, attack, mayLog: (line) => /"code":"(55P03|57014)"/.test(line) }),
};

async function attack({ cluster, replica, short }) {
  const count = short ? 250 : 500;
  const headers = new Swarm(replica.port);
  const bodies = new Swarm(replica.port);
  await headers.open(count, { first: () => 'GET /livez HTTP/1.1\r\nHost: gatehouse\r\nA: ' });
  await bodies.open(count, { first: () => login().slice(0, -40) });
  const dripping = drip([headers, bodies]);
  const pipelining = slowPipelines({ cluster, replica, boundMs: requestTimeoutMs + lateMs, drip });
  const left =
    (await headers.untilClosed(headersTimeoutMs + lateMs)) + (await bodies.untilClosed(requestTimeoutMs));
  dripping.stop();
  const pipelined = await pipelining;
  for (const swarm of [headers, bodies]) swarm.close();
  const slowest = (swarm) => Math.max(...swarm.members.map(({ closedAfterMs }) => closedAfterMs));
  const broken = [...headers.malformed(), ...bodies.malformed(), ...pipelined.broken];
  if (left > 0) broken.push(`${left} connections are still open`);
  if (slowest(headers) > headersTimeoutMs + lateMs) broken.push(`headers: ${slowest(headers)} ms`);
  if (slowest(bodies) > requestTimeoutMs + lateMs) broken.push(`bodies: ${slowest(bodies)} ms`);
  for (const [name, swarm] of Object.entries({ headers, bodies })) {
    const { '408 REQUEST_TIMEOUT': timedOut = 0 } = swarm.outcomes();
    if (timedOut < count * 0.99) broken.push(`${name}: ${JSON.stringify(swarm.outcomes())}`);
  }
  return {
    saw: `${count} slow headers answered 408 within ${seconds(slowest(headers))}, ${count} slow bodies within ${seconds(slowest(bodies))}, those behind logins cut off within ${seconds(pipelined.slowestMs)}`,
    broken,
    figures: {
      headers: headers.outcomes(),
      bodies: bodies.outcomes(),
      pipelinedMs: Math.round(pipelined.slowestMs),
    },
  };
}

const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/** One byte on every connection each second. */
function drip(swarms) {
  let running = true;
  (async () => {
    while (running) {
      await sleep(1000);
      for (const { socket } of swarms.flatMap(({ isOpen }) => isOpen)) if (socket.writable) socket.write('a');
    }
  })();
  return {
    stop: () => {
      running = false;
    },
  };
}
