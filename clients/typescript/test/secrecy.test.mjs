import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { createGatehouse, memoryStore } from '../dist/index.js';
import { mePath, refreshPath, serviceForTests } from './support/service.mjs';

const service = serviceForTests();

/** Another origin, and what was sent there. */
async function elsewhere(t) {
  const requests = [];
  const server = createServer(async (request, response) => {
    requests.push({ headers: request.headers, body: String(Buffer.concat(await request.toArray())) });
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return { origin: `http://127.0.0.1:${server.address().port}`, requests };
}

test('redirections are not followed', async (t) => {
  const other = await elsewhere(t);
  let redirects = true;
  const proxy = await service.proxy(t, {
    fault: ({ path }) => redirects && { answer: { status: 307, headers: { location: other.origin + path } } },
  });
  const store = memoryStore();
  const { user } = await service.loggedIn();
  redirects = false;
  const { client } = await service.loggedIn({ baseUrl: proxy.origin, store, retry: { maxAttempts: 1 } });
  redirects = true;
  await assert.rejects(client.me(), { name: 'GatehouseNetworkError' });
  await assert.rejects(client.login(user), { name: 'GatehouseNetworkError' });
  store.set({ ...store.get(), renewAt: 0, expiresAt: 0 });
  await assert.rejects(client.me(), { name: 'GatehouseNetworkError' });
  assert.ok(proxy.seen(refreshPath).length > 0);
  assert.deepEqual(other.requests, []);
});

test('tokens go to the service alone, whatever a request names', async (t) => {
  const other = await elsewhere(t);
  const { client } = await service.loggedIn();
  for (const baseUrl of [other.origin, other.origin.replace('http://', 'http://127.0.0.1@')])
    await client.api.GET('/api/v1/me', { baseUrl }).catch(() => {});
  assert.ok(other.requests.length > 0);
  assert.ok(other.requests.every(({ headers }) => !('authorization' in headers)));
});

test('a login carries no token, and a token that the caller brings is left alone', async (t) => {
  const proxy = await service.proxy(t);
  const { client, user } = await service.loggedIn({ baseUrl: proxy.origin });
  await client.login(user);
  assert.ok(proxy.seen('/api/v1/auth/login').every(({ token }) => token === undefined));
  const headers = { authorization: 'Bearer theirs' };
  const { error } = await client.api.GET('/api/v1/me', { headers });
  assert.equal(error.error_code, 'ACCESS_TOKEN_INVALID');
  assert.deepEqual(
    proxy.seen(mePath).map(({ token }) => token),
    ['theirs'],
  );
});

test('neither errors nor the console hold a token or a password', async (t) => {
  const printed = [];
  for (const method of ['log', 'info', 'warn', 'error', 'debug'])
    t.mock.method(console, method, (...args) => printed.push(args));
  let fault = {};
  const proxy = await service.proxy(t, { fault: () => fault });
  const store = memoryStore();
  const { user } = await service.loggedIn({ baseUrl: proxy.origin, store });
  const retry = { baseDelayMs: 1 };
  const client = createGatehouse({ baseUrl: proxy.origin, store, retry, timeoutMs: 500 });
  const tokens = store.get();
  const thrown = [];
  const collect = (work) =>
    work.then(
      () => assert.fail('it is refused'),
      (error) => thrown.push(error),
    );
  for (fault of [
    { loseAnswer: true },
    { cutAnswer: true },
    { delayMs: 700 },
    { answer: { status: 500, body: 'no' } },
  ]) {
    await collect(client.me());
    await collect(client.login(user));
    await collect(client.register(user));
  }
  fault = {
    answer: { status: 401, body: JSON.stringify({ detail: 'Over', error_code: 'REFRESH_TOKEN_REUSED' }) },
  };
  store.set({ ...tokens, renewAt: 0, expiresAt: 0 });
  await collect(client.me());
  assert.equal(store.get(), undefined);
  const text = inspect([thrown, printed, client], { depth: 20, showHidden: true });
  for (const secret of [tokens.accessToken, tokens.refreshToken, user.password])
    assert.ok(!text.includes(secret));
  assert.deepEqual(printed, []);
});
