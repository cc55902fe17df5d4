import { setTimeout as sleep } from 'node:timers/promises';
import { probeFault } from '../support/probe-fault.mjs';
import { head, login } from '../support/requests.mjs';
import { affordable, Swarm } from '../support/swarm.mjs';

export default {
  name: 'probes/slow-connections',
  promise:
    '1,000 slow connections: in thirds headers that do not end, bodies that do not end, answers that are not read',
  needs: ['proc'],
  run: (context) => probeFault({ ...context, inject, env: { DOCS: 'true' } }),
};

const firsts = [
  () => 'GET /livez HTTP/1.1\r\nHost: gatehouse\r\n',
  () => login().slice(0, -1),
  () => head('GET', '/docs/static/swagger-ui-bundle.js'),
];

async function inject({ replica, short, log }) {
  const swarm = new Swarm(replica.port);
  const began = Date.now();
  const count = affordable(1000, log);
  await swarm.open(count, { first: (index) => firsts[index % 3](), read: false, perSecond: 500 });
  await sleep(short ? 9000 : 15_000);
  swarm.close();
  return { began, ended: Date.now(), saw: `${count} slow connections` };
}
