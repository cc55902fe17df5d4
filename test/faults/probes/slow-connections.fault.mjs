import { setTimeout as sleep } from 'node:timers/promises';
import { probeFault } from '../support/probe-fault.mjs';
import { head, login } from '../support/requests.mjs';
import { affordable, Swarm } from '../support/swarm.mjs';

export default {
  name: 'probes/slow-connections',
  promise:
    '1,000 slow connections: in thirds headers that do not end, bodies that do not end, answers that are not read',
  needs: ['proc'],
  run: (context) => probeFault({ ...context, inject }),
};

// More than the buffers of the system take, which costs the service as many milliseconds as it takes to fill them
const unread = () => head('GET', '/openapi.json').repeat(30);
const incomplete = [() => 'GET /livez HTTP/1.1\r\nHost: gatehouse\r\n', () => login().slice(0, -1)];

async function inject({ replica, short, log }) {
  const swarm = new Swarm(replica.port);
  const count = affordable(short ? 300 : 1000, log);
  const began = Date.now();
  await swarm.open(Math.ceil(count / 3), { first: unread, read: false, perSecond: 50 });
  await swarm.open(Math.floor((count * 2) / 3), {
    first: (index) => incomplete[index % 2](),
    perSecond: 500,
  });
  const most = swarm.isOpen.length;
  await sleep(short ? 3000 : 15_000);
  swarm.close();
  return { began, ended: Date.now(), saw: `${most} slow connections at once` };
}
