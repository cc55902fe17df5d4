import { setTimeout as sleep } from 'node:timers/promises';
import { newClient } from '../support/client.mjs';
import { tally } from '../support/measure.mjs';
import { probeFault } from '../support/probe-fault.mjs';
import { goodPerson } from '../support/requests.mjs';

// More than fit into the queue on a machine that hashes fast: two seconds of two threads are some 80
const clients = 100;

export default {
  name: 'probes/hash-pool',
  promise: 'The hash pool is saturated: 100 clients that log in without a pause',
  // Its few seconds have too few probes for a p99: it would be the slowest of them
  inShort: false,
  needs: ['proc'],
  run: (context) => probeFault({ ...context, inject }),
};

async function inject({ replica, short }) {
  const began = Date.now();
  const until = began + (short ? 4000 : 10_000);
  const answers = [];
  // A password that nobody has costs as much
  const body = { ...goodPerson, email: 'nobody@example.com' };
  await Promise.all(
    Array.from({ length: clients }, async () => {
      const client = newClient(replica.origin, { patience: 10_000 });
      while (Date.now() < until) {
        const answer = await client.send('POST', '/api/v1/auth/login', { body });
        answers.push(answer);
        // As a client does that was told to come back
        if (answer.status === 503) await sleep(250);
      }
      client.close();
    }),
  );
  const counts = tally(answers, ({ status, code, error }) => `${status ?? error} ${code ?? ''}`.trim());
  const refused = counts['503 PASSWORD_HASHING_BUSY'] ?? 0;
  const broken = refused < clients ? [`only ${refused} were refused, so the pool was not saturated`] : [];
  return { began, ended: Date.now(), saw: `logins: ${JSON.stringify(counts)}`, broken };
}
