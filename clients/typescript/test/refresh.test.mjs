import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGatehouse, GatehouseNetworkError, memoryStore } from '../dist/index.js';
import { mePath, refreshPath, serviceForTests } from './support/service.mjs';
import { until } from './support/stub.mjs';

const service = serviceForTests({ env: { ACCESS_TOKEN_TTL_SECONDS: '10' } });

const hundred = (work) => Promise.all(Array.from({ length: 100 }, work));

/** As browsers without the Web Locks API have it. */
function withoutLock(store = memoryStore()) {
  const { lock: _, ...rest } = store;
  return rest;
}

/** What the service takes for no token of its, until the client has refreshed. */
async function spoilAccessToken(store) {
  await store.set({ ...(await store.get()), accessToken: 'spoilt' });
}

/** The client finds out for itself, before it asks. */
async function makeDue(store) {
  const now = Date.now();
  await store.set({ ...(await store.get()), renewAt: now, expiresAt: now });
}

test('a hundred requests with an expired access token refresh once, and all succeed', async (t) => {
  // The client is told a quarter of an hour, the service gives it ten seconds
  const proxy = await service.proxy(t, { announcedSeconds: 900 });
  const { client, user, ends } = await service.loggedIn({ baseUrl: proxy.origin });
  await sleep(11_000);
  const users = await hundred(() => client.me());
  assert.ok(users.every(({ email }) => email === user.email));
  const answered = proxy.seen(mePath).map(({ status }) => status);
  assert.ok(answered.filter((status) => status === 401).length > 50, 'they were under way together');
  const codes = service.logged(mePath).map(({ error_code }) => error_code);
  assert.ok(codes.includes('ACCESS_TOKEN_EXPIRED'));
  assert.equal(proxy.seen(refreshPath).length, 1);
  assert.deepEqual(ends, []);
});

test('so with one that the service does not accept, and with one that is due', async (t) => {
  for (const makeStore of [memoryStore, withoutLock]) {
    for (const age of [spoilAccessToken, makeDue]) {
      const proxy = await service.proxy(t);
      const store = makeStore();
      const { client } = await service.loggedIn({ baseUrl: proxy.origin, store });
      await age(store);
      await hundred(() => client.me());
      assert.equal(proxy.seen(refreshPath).length, 1, `${makeStore.name}, ${age.name}`);
    }
  }
});

test('a token that is due is refreshed before it is refused', async (t) => {
  const proxy = await service.proxy(t, { lifeSeconds: 4 });
  const { client } = await service.loggedIn({ baseUrl: proxy.origin });
  const deadline = Date.now() + 9000;
  while (Date.now() < deadline) await client.me();
  assert.ok(proxy.seen(mePath).every(({ status }) => status === 200));
  const refreshes = proxy.seen(refreshPath).length;
  assert.ok(refreshes >= 2 && refreshes <= 4, `${refreshes} refreshes in nine seconds`);
});

for (const [name, makeStore, expected] of [
  ['ten clients that take turns refresh once', memoryStore, (count) => count === 1],
  ['ten that cannot take turns still share a session', withoutLock, (count) => count > 1 && count <= 10],
]) {
  test(name, async (t) => {
    const proxy = await service.proxy(t, { fault: () => ({ delayMs: 50 }) });
    const store = makeStore();
    const { client, ends } = await service.loggedIn({ baseUrl: proxy.origin, store });
    const others = Array.from({ length: 9 }, () => createGatehouse({ baseUrl: proxy.origin, store }));
    for (const age of [spoilAccessToken, makeDue]) {
      const before = proxy.seen(refreshPath).length;
      await age(store);
      await Promise.all([client, ...others].map((tab) => tab.me()));
      const count = proxy.seen(refreshPath).length - before;
      assert.ok(expected(count), `${count} refreshes, ${age.name}`);
    }
    assert.ok(proxy.seen(refreshPath).every(({ status }) => status === 200));
    assert.deepEqual(ends, []);
    assert.equal((await client.sessions()).length, 1);
  });
}

const answer503 = {
  status: 503,
  headers: { 'retry-after': '1', 'content-type': 'application/json' },
  body: JSON.stringify({ detail: 'The database cannot be reached', error_code: 'DATABASE_UNAVAILABLE' }),
};

for (const [name, fault] of [
  ['is lost', { loseAnswer: true }],
  ['breaks off', { cutAnswer: true }],
  ['never comes', { delayAnswerMs: 3200 }],
  ['is a 503', { answer: answer503 }],
  ['is a 500', { answer: { status: 500 } }],
  ['is of a captive portal', { answer: { status: 200, body: '<h1>Welcome</h1>' } }],
  ['is a 401 of something else', { answer: { status: 401, body: 'Who are you?' } }],
]) {
  test(`a refresh whose answer ${name} is repeated with the same refresh token`, async (t) => {
    const store = memoryStore();
    const proxy = await service.proxy(t, {
      fault: ({ path, attempt }) => (path === refreshPath && attempt === 1 ? fault : {}),
    });
    const { client, ends } = await service.loggedIn({ baseUrl: proxy.origin, store });
    const { refreshToken } = store.get();
    await spoilAccessToken(store);
    await client.me();
    assert.equal(proxy.seen(refreshPath).length, 2);
    assert.notEqual(store.get().refreshToken, refreshToken);
    assert.deepEqual(ends, []);
    // The next one shows that the service and the client agree on where they are
    await spoilAccessToken(store);
    await client.me();
  });
}

test('while refreshes fail nobody is logged out, and the attempts are over within the grace', async (t) => {
  let down = true;
  const store = memoryStore();
  const proxy = await service.proxy(t, {
    fault: ({ path }) => (path === refreshPath && down ? { loseRequest: true } : {}),
  });
  const { client, ends } = await service.loggedIn({ baseUrl: proxy.origin, store });
  await spoilAccessToken(store);
  const started = performance.now();
  await assert.rejects(client.me(), GatehouseNetworkError);
  assert.ok(performance.now() - started < 10_000);
  assert.ok(proxy.seen(refreshPath).length > 2);
  assert.deepEqual(ends, []);
  down = false;
  await client.me();
});

/** The client refreshes ahead, as the token that it has is still good. */
function makeNearlyDue(store) {
  store.set({ ...store.get(), renewAt: Date.now() });
}

for (const [name, fault] of [
  ['is lost', { loseRequest: true }],
  ['does not come', { delayMs: 3500 }],
]) {
  test(`as long as an access token is good, nobody waits for a refresh whose answer ${name}`, async (t) => {
    const store = memoryStore();
    const proxy = await service.proxy(t, { fault: ({ path }) => path === refreshPath && fault });
    const { client, ends } = await service.loggedIn({ baseUrl: proxy.origin, store });
    const { accessToken } = store.get();
    makeNearlyDue(store);
    // The attempts of a refresh go on for four seconds at least
    const started = performance.now();
    for (let count = 0; count < 10; count += 1) await client.me();
    const took = performance.now() - started;
    assert.ok(took < 3500, `${took} ms for ten requests`);
    await until(() => proxy.seen(refreshPath).length > 0, 'the refresh');
    assert.ok(proxy.seen(mePath).every(({ token }) => token === accessToken));
    await makeDue(store);
    await assert.rejects(client.me(), GatehouseNetworkError);
    assert.deepEqual(ends, []);
  });
}

test('a refresh ahead of time comes in the background, and its tokens are used from then on', async (t) => {
  const store = memoryStore();
  const proxy = await service.proxy(t, { fault: ({ path }) => path === refreshPath && { delayMs: 300 } });
  const { client } = await service.loggedIn({ baseUrl: proxy.origin, store });
  const { accessToken } = store.get();
  makeNearlyDue(store);
  await hundred(() => client.me());
  await until(() => store.get().accessToken !== accessToken, 'the next tokens');
  await client.me();
  assert.equal(proxy.seen(mePath).at(-1).token, store.get().accessToken);
  assert.equal(proxy.seen(refreshPath).length, 1);
});

test('after a refresh ahead of time has failed the next one waits a while, unless its tokens are needed', async (t) => {
  for (const retryAfter of ['4', '60']) {
    const store = memoryStore();
    const answer = { status: 503, headers: { 'retry-after': retryAfter } };
    const proxy = await service.proxy(t, { fault: ({ path }) => path === refreshPath && { answer } });
    const { client } = await service.loggedIn({ baseUrl: proxy.origin, store });
    makeNearlyDue(store);
    await client.me();
    await until(() => proxy.seen(refreshPath).length === 1, 'the refresh');
    for (let count = 0; count < 5; count += 1) {
      await sleep(100);
      await client.me();
    }
    assert.equal(proxy.seen(refreshPath).length, 1);
    await makeDue(store);
    await assert.rejects(client.me(), { status: 503, retryAfterSeconds: Number(retryAfter) });
    assert.equal(proxy.seen(refreshPath).length, 2);
  }
});

test('the next tokens are stored before they are used', async (t) => {
  const stored = memoryStore();
  let storedAt;
  const slow = {
    ...stored,
    async set(tokens) {
      await sleep(300);
      stored.set(tokens);
      storedAt = performance.now();
    },
  };
  const proxy = await service.proxy(t);
  const { client } = await service.loggedIn({ baseUrl: proxy.origin, store: slow });
  await spoilAccessToken(stored);
  await hundred(() => client.me());
  const successor = stored.get().accessToken;
  const used = proxy.seen(mePath).filter(({ token }) => token === successor);
  assert.equal(used.length, 100);
  assert.ok(used.every(({ at }) => at >= storedAt));
});

test('the answer to a slow refresh does not replace newer tokens', async (t) => {
  const store = withoutLock();
  const proxy = await service.proxy(t, {
    fault: ({ path, attempt }) => path === refreshPath && attempt === 1 && { delayAnswerMs: 1500 },
  });
  const { client, ends } = await service.loggedIn({ baseUrl: proxy.origin, store });
  const other = createGatehouse({ baseUrl: proxy.origin, store });
  await makeDue(store);
  const slowly = client.me();
  await sleep(200);
  await other.me();
  await makeDue(store);
  await other.me();
  const newest = await store.get();
  await slowly;
  assert.equal(proxy.seen(refreshPath).length, 3);
  assert.deepEqual(await store.get(), newest);
  assert.deepEqual(ends, []);
});

test('a caller who no longer waits does not end the refresh of the others', async (t) => {
  const store = memoryStore();
  const proxy = await service.proxy(t, {
    fault: ({ path }) => path === refreshPath && { delayMs: 500 },
  });
  const { client } = await service.loggedIn({ baseUrl: proxy.origin, store });
  await makeDue(store);
  const gone = new AbortController();
  const aborted = client.me({ signal: gone.signal });
  const waiting = client.me();
  await sleep(100);
  gone.abort(new Error('gone'));
  await assert.rejects(aborted, /^Error: gone$/);
  await waiting;
  assert.equal(proxy.seen(refreshPath).length, 1);
});

test('an access token for other services is refreshed when due, and when one of them refuses it', async () => {
  const store = memoryStore();
  const { client } = await service.loggedIn({ store });
  const first = await client.accessToken();
  assert.equal(await client.accessToken(), first);
  await makeDue(store);
  const second = await client.accessToken();
  assert.notEqual(second, first);
  assert.equal(await client.accessToken({ refused: first }), second);
  const third = await client.accessToken({ refused: second });
  assert.notEqual(third, second);
  await client.logout();
  assert.equal(await client.accessToken(), undefined);
});
