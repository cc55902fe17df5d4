import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { startApp } from '../support/app.ts';
import { newPerson, registerAndLogIn } from '../support/people.ts';

t.test('clients that go away take their passwords out of the queue', async (t) => {
  const { app, hasher, database, post, logLines } = await startApp(t, {
    env: { BCRYPT_COST: '12', HASH_MAX_WAIT_MS: '60000', REQUEST_DEADLINE_MS: '120000' },
  });
  await app.listen({ port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const someone = await registerAndLogIn({ post });
  const clients = new AbortController();
  const call = (path: string, body: object) =>
    fetch(`http://127.0.0.1:${port}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: clients.signal,
    });

  const requests = 40 * hasher.threads;
  const abandoned = Array.from({ length: requests }, (_, i) =>
    i % 2
      ? call('/auth/user/create', newPerson())
      : call('/api/v1/auth/login', { email: someone.email, password: someone.password }),
  );
  // The registrations at least, as a busy database may refuse a login before it hashes anything
  while (hasher.queueSize < 0.4 * requests) await sleep(5);
  clients.abort();
  await Promise.allSettled(abandoned);
  const left = performance.now();
  while (hasher.queueSize > 0) await sleep(5);
  const ms = performance.now() - left;
  t.ok(ms < 10 * hasher.msPerHash(), `empty after ${Math.round(ms)} ms, not after 30 hashes on each thread`);

  // Half of the requests are registrations: all would be stored if none had left
  const { rows } = await database.client.query('SELECT count(*)::int FROM users');
  t.ok(rows[0].count <= 1 + requests / 4, `${rows[0].count} stored, only what was hashed already`);
  t.strictSame(
    logLines.filter(({ level }) => Number(level) >= 50),
    [],
    'and it is no error',
  );
  t.equal(
    (await post('/api/v1/auth/login', { email: someone.email, password: someone.password })).status,
    200,
  );
});
