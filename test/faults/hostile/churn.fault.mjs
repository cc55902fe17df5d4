import { setTimeout as sleep } from 'node:timers/promises';
import { hostileFault } from '../support/hostile.mjs';
import { head } from '../support/requests.mjs';
import { Swarm } from '../support/swarm.mjs';

export default {
  name: 'hostile/churn',
  promise:
    'Connections that come and go 300 times a second, in thirds: with a request, without one, and with half of one',
  inShort: false,
  needs: ['proc', 'files:1000'],
  run: (context) => hostileFault({ ...context, attack }),
};

const request = head('GET', '/livez');
const firsts = [request, '', request.slice(0, 20)];

async function attack({ replica, short }) {
  const count = short ? 2000 : 6000;
  const swarm = new Swarm(replica.port);
  await swarm.open(count, {
    first: (index) => firsts[index % firsts.length],
    perSecond: 300,
    opened: ({ socket }) => setTimeout(() => socket.resetAndDestroy(), 30),
  });
  await sleep(500);
  const outcomes = swarm.outcomes();
  swarm.close();
  const answered = outcomes['200'] ?? 0;
  // Each third one asks, and 30 ms are plenty where nothing is in the way
  const asked = Math.ceil(count / firsts.length);
  return {
    saw: `${count} connections of 30 ms, ${answered} answered in that time`,
    broken: [
      ...swarm.malformed(),
      ...(answered < asked / 2 ? [`only ${answered} of ${asked} requests were answered`] : []),
      ...Object.keys(outcomes)
        .filter((outcome) => !['200', 'closed', 'open'].includes(outcome))
        .map((outcome) => `${outcomes[outcome]} times ${outcome}`),
    ],
    figures: { count, outcomes },
  };
}
