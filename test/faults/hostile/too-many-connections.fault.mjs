import { setTimeout as sleep } from 'node:timers/promises';
import { hostileFault } from '../support/hostile.mjs';
import { login } from '../support/requests.mjs';
import { Swarm } from '../support/swarm.mjs';

const most = 500;

export default {
  name: 'hostile/too-many-connections',
  promise:
    'More connections than CONNECTIONS_MAX: the ones that were waited for the longest make room; good clients, new ones too, notice nothing',
  needs: ['proc', 'files:2500'],
  run: (context) =>
    hostileFault({ ...context, attack, env: { CONNECTIONS_MAX: String(most) }, shortTimes: 2 }),
};

/** Three times as many as there may be, half of them silent and half within a login, again and again. */
async function attack({ replica, short }) {
  const swarm = new Swarm(replica.port);
  await swarm.open(3 * most, { first: (index) => (index % 2 ? login().slice(0, -1) : ''), perSecond: 300 });
  await sleep(short ? 500 : 2000);
  const open = swarm.isOpen.length;
  swarm.close();
  const outcomes = swarm.outcomes();
  const broken = [...swarm.malformed()];
  if (open > most) broken.push(`${open} connections are open, and ${most} may be`);
  if (open < most / 2) broken.push(`only ${open} connections are open: there was room for all`);
  return {
    saw: `${3 * most} connections where ${most} may be: ${JSON.stringify(outcomes)}`,
    broken,
    figures: { open, outcomes },
  };
}
