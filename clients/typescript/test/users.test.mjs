import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoryStore } from '../dist/index.js';
import { mePath, refreshPath, serviceForTests } from './support/service.mjs';
import { gate, until } from './support/stub.mjs';

const service = serviceForTests();
const logoutAllPath = '/api/v1/auth/logout-all';

/** A fetch that waits, at the first request to each of these paths, until its gate is open. */
function gatedFetch(...paths) {
  const gates = new Map(paths.map((path) => [path, gate()]));
  const waiting = new Set();
  return {
    async fetch(url, init) {
      const { pathname } = new URL(url);
      if (gates.has(pathname) && !waiting.has(pathname)) {
        waiting.add(pathname);
        await gates.get(pathname).opened;
      }
      return fetch(url, init);
    },
    open: (path) => gates.get(path).open(),
    /** Resolves once a request waits. */
    reached: (path) => until(() => waiting.has(path), path),
  };
}

const age = (store) => store.set({ ...store.get(), renewAt: 0, expiresAt: 0 });

test("a request of one user is not repeated as the next one's, whose tokens are being refreshed", async (t) => {
  const expired = JSON.stringify({ detail: 'Expired', error_code: 'ACCESS_TOKEN_EXPIRED' });
  const proxy = await service.proxy(t, {
    fault: ({ path, attempt }) =>
      path === logoutAllPath && attempt === 1 && { answer: { status: 401, body: expired } },
  });
  const gates = gatedFetch(logoutAllPath, refreshPath);
  const store = memoryStore();
  const { client } = await service.loggedIn({ baseUrl: proxy.origin, store, fetch: gates.fetch });
  const ofTheFirst = store.get().accessToken;
  const next = service.newUser();
  await client.register(next);

  const logoutAll = client.logoutAll();
  const refused = assert.rejects(logoutAll, { errorCode: 'AUTHENTICATION_REQUIRED' });
  await gates.reached(logoutAllPath);
  await client.login(next);
  age(store);
  const me = client.me();
  await gates.reached(refreshPath);
  gates.open(logoutAllPath);
  await until(() => proxy.seen(logoutAllPath).length === 1, 'the refusal');
  gates.open(refreshPath);
  assert.equal((await me).email, next.email);
  await refused;
  assert.deepEqual(
    proxy.seen(logoutAllPath).map(({ token }) => token),
    [ofTheFirst, undefined],
  );
  assert.equal((await client.me()).email, next.email);
  assert.equal((await client.sessions()).length, 1);
});

test('tokens of a login do not wait for the refresh of the session before, nor for its outcome', async (t) => {
  const proxy = await service.proxy(t);
  const gates = gatedFetch(refreshPath);
  const store = { ...memoryStore(), lock: undefined };
  const { client } = await service.loggedIn({ baseUrl: proxy.origin, store, fetch: gates.fetch });
  const next = service.newUser();
  await client.register(next);
  age(store);
  const former = assert.rejects(client.me(), { errorCode: 'AUTHENTICATION_REQUIRED' });
  await gates.reached(refreshPath);
  await client.login(next);
  age(store);
  assert.equal((await client.me()).email, next.email);
  const { refreshToken } = store.get();
  gates.open(refreshPath);
  await former;
  assert.equal(store.get().refreshToken, refreshToken);
  const tokens = proxy.seen(mePath).map(({ token }) => token);
  assert.deepEqual(tokens, [store.get().accessToken, undefined]);
});
