import { setTimeout as sleep } from 'node:timers/promises';
import { probeFault } from '../support/probe-fault.mjs';
import { login } from '../support/requests.mjs';
import { Swarm } from '../support/swarm.mjs';
import { unburdened, unreadRequests } from '../support/unread.mjs';

export default {
  name: 'probes/slow-connections',
  promise:
    '1,000 slow connections: headers that do not end, bodies that do not end, and a hundred that do not read their answers',
  needs: ['proc', 'files:2000'],
  run: (context) => probeFault({ ...context, inject }),
};

const incomplete = [() => 'GET /livez HTTP/1.1\r\nHost: gatehouse\r\n', () => login().slice(0, -1)];

async function inject({ replica, short }) {
  const swarm = new Swarm(replica.port);
  const count = short ? 300 : 1000;
  const unread = await unreadRequests(replica.origin);
  const began = Date.now();
  // They take the system some 4 MB each
  const readers = count / 10;
  // To fill the buffers of the system costs the service some milliseconds for each
  await swarm.open(readers, { first: () => unread.requests, read: false, perSecond: 50 });
  await swarm.open(count - readers, {
    first: (index) => incomplete[index % 2](),
    perSecond: 500,
  });
  const most = swarm.isOpen.length;
  await sleep(short ? 3000 : 15_000);
  const broken = unburdened(replica, swarm.members.slice(0, readers), unread.bytes);
  swarm.close();
  if (most < 0.98 * count) broken.push(`only ${most} of ${count} connections were open at once`);
  return { began, ended: Date.now(), saw: `${most} slow connections at once`, broken };
}
