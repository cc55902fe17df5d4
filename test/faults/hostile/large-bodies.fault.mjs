import { setTimeout as sleep } from 'node:timers/promises';
import { hostileFault } from '../support/hostile.mjs';
import { post } from '../support/requests.mjs';
import { Swarm } from '../support/swarm.mjs';

const target = '/api/v1/register-user';
const limit = 16 * 1024;
const fill = (unit, frame = ['{', '}']) => {
  const times = Math.floor((limit - frame.join('').length) / unit.length);
  return `${frame[0]}${unit.repeat(times).replace(/,$/, '')}${frame[1]}`;
};

/** As large as a body may be, and each costly in another way. */
const bodies = [
  fill('"a":1,'),
  fill('"\\u0061\\ud800":"\\u0000",'),
  fill('[', ['', '']),
  fill('{"a":', ['', '1']),
  `{"about":"${'a'.repeat(limit - 20)}"}`,
  `{"email":"${'a@'.repeat(8000)}"}`,
  `{"email":"${'a.'.repeat(8000)}"}`,
  `{${Array.from({ length: 1500 }, (_, index) => `"f${index}":1`).join(',')}}`,
];
const perSecond = 150;

export default {
  name: 'hostile/large-bodies',
  promise:
    '150 bodies a second that are as large as allowed (16 KiB) and costly to read are refused, and nobody waits for them',
  inShort: false,
  needs: ['proc'],
  run: (context) => hostileFault({ ...context, attack }),
};

async function attack({ replica, short }) {
  const swarm = new Swarm(replica.port);
  await swarm.open(perSecond * (short ? 5 : 15), {
    first: (index) => post(target, bodies[index % bodies.length], ['Connection: close']),
    perSecond,
  });
  const left = await swarm.untilClosed(3000);
  await sleep(200);
  swarm.close();
  const outcomes = swarm.outcomes();
  const broken = [...swarm.malformed()];
  if (left > 0) broken.push(`${left} have no answer`);
  for (const outcome of Object.keys(outcomes))
    if (!['400 MALFORMED_JSON', '422 VALIDATION_ERROR'].includes(outcome)) broken.push(outcome);
  return {
    saw: `${swarm.members.length} bodies of 16 KiB: ${JSON.stringify(outcomes)}`,
    broken,
    figures: { outcomes },
  };
}
