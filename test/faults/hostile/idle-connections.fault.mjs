import { hostileFault } from '../support/hostile.mjs';
import { Swarm } from '../support/swarm.mjs';

const headersTimeoutMs = 8000;

export default {
  name: 'hostile/idle-connections',
  promise:
    '5,000 connections that send nothing are closed by headersTimeout (8 s), without an answer, as nothing was asked',
  // slow-requests and half-open-logins meet the same timeouts
  inShort: false,
  needs: ['proc', 'files:6000'],
  run: (context) => hostileFault({ ...context, attack }),
};

async function attack({ replica, short }) {
  const swarm = new Swarm(replica.port);
  const count = short ? 2000 : 5000;
  await swarm.open(count);
  const left = await swarm.untilClosed(headersTimeoutMs + 4000);
  swarm.close();
  const outcomes = swarm.outcomes();
  const times = swarm.members.map(({ closedAfterMs }) => closedAfterMs ?? 0);
  const [soonest, slowest] = [Math.min(...times), Math.max(...times)];
  const broken = [];
  if (left > 0) broken.push(`${left} connections are still open`);
  if (outcomes.closed !== count)
    broken.push(`not all were closed without an answer: ${JSON.stringify(outcomes)}`);
  // A timer may be a millisecond early
  if (soonest < headersTimeoutMs - 5) broken.push(`one was closed after ${Math.round(soonest)} ms`);
  return {
    saw: `${count} connections: ${JSON.stringify(outcomes)}, after ${(soonest / 1000).toFixed(1)} to ${(slowest / 1000).toFixed(1)} s`,
    broken,
    connections: count,
    figures: { count, outcomes, soonestMs: Math.round(soonest), slowestMs: Math.round(slowest) },
  };
}
