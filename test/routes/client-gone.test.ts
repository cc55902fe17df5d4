import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { startApp } from '../support/app.ts';
import { newPerson, registerAndLogIn } from '../support/people.ts';

t.test('a client that goes away takes its password out of the queue', async (t) => {
  const { app, hasher, database, post, logLines } = await startApp(t, {
    env: { BCRYPT_COST: '11', HASH_MAX_WAIT_MS: '60000' },
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

  const abandoned = Array.from({ length: 30 }, (_, i) =>
    i % 2
      ? call('/auth/user/create', newPerson())
      : call('/api/v1/auth/login', { email: someone.email, password: someone.password }),
  );
  while (hasher.queueSize < 30 - hasher.threads) await sleep(5);
  clients.abort();
  await Promise.allSettled(abandoned);
  const left = performance.now();
  while (hasher.queueSize > 0) await sleep(5);
  const ms = performance.now() - left;
  t.ok(
    ms < 10 * hasher.msPerHash(),
    `the queue was empty ${Math.round(ms)} ms later, where hashing it would have taken ${30 * hasher.msPerHash()} ms of thread time`,
  );

  const { rows } = await database.client.query('SELECT count(*)::int FROM users');
  t.ok(rows[0].count <= 1 + hasher.threads, 'only what was being hashed already may have been stored');
  t.strictSame(
    logLines.filter(({ level }) => Number(level) >= 50),
    [],
    'which is nobody’s error',
  );
  t.equal(
    (await post('/api/v1/auth/login', { email: someone.email, password: someone.password })).status,
    200,
  );
});
