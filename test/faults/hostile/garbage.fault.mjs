import { hostileFault } from '../support/hostile.mjs';
import { head, login, post } from '../support/requests.mjs';
import { Swarm } from '../support/swarm.mjs';

const bodyHead = ['Content-Type: application/json'];

// More than may wait behind one, so that the connection is closed: before the first answer, or after as many at most
const pipelinedMax = 33;
const closed = 'closed';
const withinMs = 2000;

/**
 * What is sent, the answer that comes first or `closed`, and how many a second. Thousands of requests at once are no garbage: at
 * 20 a second they would be 40,000 requests a second.
 */
const kinds = {
  'headers past 16 KiB': [() => head('GET', '/livez', [`A: ${'a'.repeat(20_000)}`]), '431 HEADERS_TOO_LARGE'],
  'many headers': [() => head('GET', '/livez', Array(9000).fill('A: b')), '431 HEADERS_TOO_LARGE'],
  'a long target': [() => head('GET', `/${'a'.repeat(20_000)}`), '431 HEADERS_TOO_LARGE'],
  'a target of slashes': [() => head('GET', '/'.repeat(15_000)), '404 NOT_FOUND'],
  'a target of escapes': [() => head('GET', `/${'%41'.repeat(5000)}`), '404 NOT_FOUND'],
  'garbage behind a request': [
    () => `${head('GET', '/livez')}\x00\x01garbage\r\n\r\n`,
    '400 MALFORMED_REQUEST',
  ],
  'bytes at random': [
    () => Buffer.from(Array.from({ length: 2000 }, () => Math.random() * 256)),
    '400 MALFORMED_REQUEST',
  ],
  '2,000 pipelined requests': [() => head('GET', '/livez').repeat(2000), closed, 3],
  '500 pipelined logins': [() => login().repeat(500), closed, 3],
  'two lengths': [
    () =>
      head('POST', '/api/v1/auth/login', [...bodyHead, 'Content-Length: 5', 'Transfer-Encoding: chunked']),
    '400 MALFORMED_REQUEST',
  ],
  TRACE: [() => head('TRACE', '/livez'), '405 METHOD_NOT_ALLOWED'],
  CONNECT: [() => head('CONNECT', 'example.com:443'), '405 METHOD_NOT_ALLOWED'],
  'a body past 16 KiB': [() => post('/api/v1/auth/login', ' '.repeat(20_000)), '413 BODY_TOO_LARGE'],
  'an odd content type': [
    () =>
      `${head('POST', '/api/v1/auth/login', ['Content-Type: application/json\ta', 'Content-Length: 2'])}{}`,
    '415 UNSUPPORTED_MEDIA_TYPE',
  ],
};

export default {
  name: 'hostile/garbage',
  promise:
    'What is no request, or more of it than is allowed, is refused at once: envelope or closed connection',
  needs: ['proc'],
  run: (context) => hostileFault({ ...context, attack }),
};

async function attack({ replica, short }) {
  const each = short ? 10 : 100;
  const broken = [];
  const outcomes = {};
  for (const [name, [first, expected, perSecond = 20]] of Object.entries(kinds)) {
    const swarm = new Swarm(replica.port);
    await swarm.open(perSecond < 20 ? each / 2 : each, { first, perSecond });
    await swarm.untilClosed(withinMs);
    outcomes[name] = swarm.outcomes();
    const wrong = unexpected(swarm, expected);
    swarm.close();
    broken.push(...swarm.malformed().map((problem) => `${name}: ${problem}`));
    broken.push(...wrong.map((problem) => `${name}: ${problem}`));
  }
  return {
    saw: `${Object.keys(kinds).length} kinds of garbage, ${each} of each: refused at once`,
    broken,
    figures: { each, outcomes },
  };
}

function unexpected(swarm, expected) {
  const outcomes = swarm.outcomes();
  if (expected !== closed)
    return Object.keys(outcomes).some((outcome) => outcome !== expected) ? [JSON.stringify(outcomes)] : [];
  const most = Math.max(...swarm.members.map(({ answeredAt }) => answeredAt.length));
  const open = swarm.isOpen.length;
  return [
    ...(open > 0 ? [`${open} connections are open after ${withinMs} ms`] : []),
    ...(most > pipelinedMax ? [`${most} answers on one connection`] : []),
  ];
}
