import { newClient } from '../support/client.mjs';
import { tally } from '../support/measure.mjs';
import { probeFault } from '../support/probe-fault.mjs';

const clients = 40;

export default {
  name: 'probes/connection-pool',
  promise: 'The connection pool is saturated: another session locks the tables, and 40 clients wait for it',
  inShort: false,
  needs: ['proc'],
  run: (context) => probeFault({ ...context, inject }),
};

async function inject({ cluster, replica, token, short }) {
  const other = await cluster.connect();
  await other.query('BEGIN');
  await other.query('LOCK TABLE users, refreshaccesstokens');
  const began = Date.now();
  const until = began + (short ? 4000 : 8000);
  const answers = [];
  await Promise.all(
    Array.from({ length: clients }, async () => {
      const client = newClient(replica.origin, { patience: 10_000 });
      while (Date.now() < until) answers.push(await client.send('GET', '/api/v1/me', { token }));
      client.close();
    }),
  );
  await other.query('ROLLBACK');
  await other.end();
  const counts = tally(answers, ({ status, code, error }) => `${status ?? error} ${code ?? ''}`.trim());
  const refused = counts['503 DATABASE_UNAVAILABLE'] ?? 0;
  const broken = refused < clients ? [`only ${refused} were refused, so the pool was not saturated`] : [];
  return { began, ended: Date.now(), saw: `/me: ${JSON.stringify(counts)}`, broken };
}
