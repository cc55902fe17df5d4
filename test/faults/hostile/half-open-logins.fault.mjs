import { hostileFault } from '../support/hostile.mjs';
import { login } from '../support/requests.mjs';
import { Swarm } from '../support/swarm.mjs';

const requestTimeoutMs = 10_000;

export default {
  name: 'hostile/half-open-logins',
  promise:
    '10,000 logins whose body never completes are answered 408 by requestTimeout (10 s); 10,000 whose client leaves are not hashed',
  needs: ['proc', 'files:11000'],
  // With the usual wait, a queue full of passwords nobody waits for would be two seconds long at most
  run: (context) =>
    hostileFault({
      ...context,
      attack,
      // The heap is as large as it gets after two
      times: 3,
      env: { HASH_MAX_WAIT_MS: '60000', REQUEST_DEADLINE_MS: '120000' },
    }),
};

async function attack({ replica, short }) {
  const count = short ? 2000 : 10_000;
  const incomplete = new Swarm(replica.port);
  await incomplete.open(count, { first: () => login().slice(0, -1), perSecond: 1000 });
  const left = await incomplete.untilClosed(requestTimeoutMs + 5000);
  incomplete.close();

  const leaving = new Swarm(replica.port);
  await leaving.open(count, {
    first: () => login(),
    perSecond: 500,
    opened: ({ socket }) => setTimeout(() => socket.destroy(), 5),
  });
  leaving.close();
  const outcomes = incomplete.outcomes();
  const broken = [...incomplete.malformed()];
  if (left > 0) broken.push(`${left} connections are still open`);
  // Some may have had to make room when there were CONNECTIONS_MAX
  if ((outcomes['408 REQUEST_TIMEOUT'] ?? 0) < 0.98 * count) broken.push(JSON.stringify(outcomes));
  return {
    saw: `${count} logins without an end: ${JSON.stringify(outcomes)}; ${count} whose client left at once`,
    broken,
    connections: count,
    figures: { count, outcomes },
  };
}
