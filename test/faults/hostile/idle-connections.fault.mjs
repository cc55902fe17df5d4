import { hostileFault } from '../support/hostile.mjs';
import { affordable, Swarm } from '../support/swarm.mjs';

const headersTimeoutMs = 8000;

export default {
  name: 'hostile/idle-connections',
  promise: '5,000 connections that send nothing are closed by headersTimeout (8 s), with 408',
  needs: ['proc'],
  run: (context) => hostileFault({ ...context, attack }),
};

async function attack({ replica, short, log }) {
  const swarm = new Swarm(replica.port);
  const count = affordable(short ? 2000 : 5000, log);
  await swarm.open(count);
  const left = await swarm.untilClosed(headersTimeoutMs + 4000);
  swarm.close();
  const slowest = Math.max(...swarm.members.map(({ closedAfterMs }) => closedAfterMs ?? 0));
  return {
    saw: `${count} connections: ${JSON.stringify(swarm.outcomes())}, the slowest closed after ${(slowest / 1000).toFixed(1)} s`,
    broken: [...(left > 0 ? [`${left} connections are still open`] : []), ...swarm.malformed()],
    figures: { count, outcomes: swarm.outcomes(), slowestMs: Math.round(slowest) },
  };
}
