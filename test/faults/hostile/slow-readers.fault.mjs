import { setTimeout as sleep } from 'node:timers/promises';
import { hostileFault } from '../support/hostile.mjs';
import { usageOf } from '../support/measure.mjs';
import { Swarm } from '../support/swarm.mjs';
import { unburdened, unreadRequests } from '../support/unread.mjs';

const answerTimeoutMs = 30_000;
const lateMs = 10_000;
// The first of them must not be cut off by then
const earlyMs = 1000;

export default {
  name: 'hostile/slow-readers',
  promise: 'Clients that ask for megabytes, pipelined, and read nothing are cut off after 30 s',
  inShort: false,
  needs: ['proc', 'files:1000'],
  run: (context) => hostileFault({ ...context, attack }),
};

async function attack({ replica, short }) {
  const count = short ? 40 : 100;
  const swarm = new Swarm(replica.port);
  const before = usageOf(replica.pid);
  const { requests, bytes } = await unreadRequests(replica.origin);
  const began = performance.now();
  await swarm.open(count, { first: () => requests, read: false, perSecond: 20 });
  const during = usageOf(replica.pid);
  await sleep(began + answerTimeoutMs - earlyMs - performance.now());
  const broken = unburdened(replica, swarm.members, bytes);
  const left = await untilReset(swarm, replica, answerTimeoutMs + lateMs, before);
  swarm.close();
  if (left > 0) broken.push(`${left} connections are still open`);
  if (during.descriptors > before.descriptors + 2 * count + 12)
    broken.push(`${during.descriptors - before.descriptors} file descriptors for ${count} connections`);
  return {
    saw: `${count} clients that read nothing: cut off after 30 s, ${during.descriptors - before.descriptors} file descriptors at most`,
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
