import { hostileFault } from '../support/hostile.mjs';
import { usageOf } from '../support/measure.mjs';
import { head } from '../support/requests.mjs';
import { affordable, Swarm } from '../support/swarm.mjs';

const answerTimeoutMs = 30_000;
const lateMs = 10_000;
// The largest things there are to read in production
const targets = ['/openapi.json', '/openapi.yaml'];

export default {
  name: 'hostile/slow-readers',
  promise: 'Clients that ask for megabytes, pipelined, and read nothing are cut off after 30 s',
  inShort: false,
  needs: ['proc'],
  run: (context) => hostileFault({ ...context, attack }),
};

async function attack({ replica, short, log }) {
  const count = affordable(short ? 60 : 150, log);
  const swarm = new Swarm(replica.port);
  const before = usageOf(replica.pid);
  // More than the buffers of the system take
  const first = (index) => head('GET', targets[index % targets.length]).repeat(30);
  await swarm.open(count, { first, read: false, perSecond: 20 });
  const during = usageOf(replica.pid);
  const left = await untilReset(swarm, replica, answerTimeoutMs + lateMs, before);
  swarm.close();
  const broken = [];
  if (left > 0) broken.push(`${left} connections are still open`);
  if (during.descriptors > before.descriptors + 2 * count + 12)
    broken.push(`${during.descriptors - before.descriptors} file descriptors for ${count} connections`);
  return {
    saw: `${count} clients that read nothing: all cut off, ${during.descriptors - before.descriptors} file descriptors at most`,
    broken,
    figures: { count, heldMb: Math.round(during.rssMb - before.rssMb) },
  };
}

/** A client that reads nothing hears of no end: what the service holds tells. */
async function untilReset(swarm, { pid }, withinMs, before) {
  const deadline = performance.now() + withinMs;
  let left = Number.POSITIVE_INFINITY;
  while (left > 0 && performance.now() < deadline) {
    await swarm.untilClosed(500);
    left = Math.max(0, usageOf(pid).descriptors - before.descriptors - 12);
  }
  return left;
}
