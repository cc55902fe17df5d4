import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGatehouse, memoryStore } from '../dist/index.js';
import { refreshPath, serviceForTests } from './support/service.mjs';
import { until } from './support/stub.mjs';

const service = serviceForTests();

/** Sends a refresh token to the service, past the client. */
async function send(path, refreshToken) {
  const answer = await fetch(service.origin + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refresh_token: refreshToken }),
  });
  assert.ok(answer.ok);
  return answer.status === 200 ? (await answer.json()).refresh_token : undefined;
}

const endElsewhere = (store) => send('/api/v1/auth/logout', store.get().refreshToken);

const makeDue = (store) => store.set({ ...store.get(), renewAt: 0, expiresAt: 0 });

for (const [when, age, errorCode] of [
  ['a request', () => {}, 'SESSION_ENDED'],
  ['a refresh', makeDue, 'SESSION_ENDED'],
  [
    'a refresh',
    (store) => store.set({ ...store.get(), renewAt: 0, expiresAt: 0, refreshToken: 'x' }),
    'REFRESH_TOKEN_INVALID',
  ],
]) {
  test(`a session is over once ${when} is answered ${errorCode}`, async () => {
    const store = memoryStore();
    const { client, ends } = await service.loggedIn({ store });
    await endElsewhere(store);
    age(store);
    const answers = await Promise.allSettled([client.me(), client.me()]);
    assert.deepEqual(
      answers.map(({ reason }) => reason.errorCode),
      [errorCode, errorCode],
    );
    assert.equal(store.get(), undefined);
    assert.deepEqual(ends, [errorCode], 'it is told once');
    await assert.rejects(client.me(), { errorCode: 'AUTHENTICATION_REQUIRED' });
    assert.deepEqual(ends, [errorCode]);
  });
}

test('a refresh token that was used elsewhere, out of this store, ends the session', async () => {
  const store = memoryStore();
  const { client, ends } = await service.loggedIn({ store });
  const successor = await send(refreshPath, store.get().refreshToken);
  // That ends the grace
  await send(refreshPath, successor);
  makeDue(store);
  await assert.rejects(client.me(), { errorCode: 'REFRESH_TOKEN_REUSED' });
  assert.deepEqual(ends, ['REFRESH_TOKEN_REUSED']);
});

test('a logout in one tab is noticed in the others', async () => {
  const store = memoryStore();
  const { client, ends } = await service.loggedIn({ store });
  const other = createGatehouse({ baseUrl: service.origin, store });
  const otherEnds = [];
  const unsubscribe = other.onSessionEnd(({ reason }) => otherEnds.push(reason));
  assert.ok(await other.isLoggedIn());
  await client.logout();
  await assert.rejects(other.me(), { errorCode: 'AUTHENTICATION_REQUIRED' });
  assert.deepEqual([ends, otherEnds], [['logout'], ['elsewhere']]);
  unsubscribe();
});

/** A store that tells each client what the others do, as localStorage does. */
function toldStore() {
  const store = memoryStore();
  const listeners = new Set();
  return {
    ...store,
    clear() {
      store.clear();
      for (const listener of listeners) listener();
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

test('a tab that has done nothing but listen hears of a logout in another', async () => {
  const store = toldStore();
  const { client, ends } = await service.loggedIn({ store });
  const other = createGatehouse({ baseUrl: service.origin, store });
  const heard = [];
  other.onSessionEnd(({ reason }) => heard.push(reason));
  await client.logout();
  await sleep(50);
  assert.deepEqual([ends, heard], [['logout'], ['elsewhere']]);
});

test('a listener no longer hears once it is taken off', async () => {
  const { client, ends } = await service.loggedIn();
  const heard = [];
  client.onSessionEnd(() => heard.push('one'))();
  client.onSessionEnd(() => heard.push('another'));
  await client.logout();
  await sleep(50);
  assert.deepEqual([ends, heard], [['logout'], ['another']]);
});

test('a listener that throws, or whose promise is rejected, disturbs nothing, and its error is reported', async (t) => {
  const reported = [];
  t.mock.method(console, 'error', (error) => reported.push(error.message));
  const { client, user, ends } = await service.loggedIn();
  const heard = [];
  client.onSessionEnd(() => {
    throw new Error('at once');
  });
  client.onSessionEnd(async () => {
    throw new Error('later');
  });
  client.onSessionEnd(({ reason }) => heard.push(reason));
  for (const count of [1, 2]) {
    await client.logout();
    await sleep(50);
    assert.deepEqual([ends.length, heard.length, reported.length], [count, count, 2 * count]);
    await client.login(user);
  }
  assert.deepEqual(new Set(reported), new Set(['at once', 'later']));
});

test('a refresh that is under way does not undo a logout', async (t) => {
  for (const fault of [{ delayMs: 400 }, { delayAnswerMs: 400 }]) {
    const store = memoryStore();
    const proxy = await service.proxy(t, { fault: ({ path }) => path === refreshPath && fault });
    const { client, user, ends } = await service.loggedIn({ baseUrl: proxy.origin, store });
    const observer = createGatehouse({ baseUrl: service.origin });
    await observer.login(user);
    assert.equal((await observer.sessions()).length, 2);
    makeDue(store);
    const refreshing = assert.rejects(client.me(), { status: 401 });
    await until(() => proxy.seen(refreshPath).length > 0, 'the refresh');
    await client.logout();
    await refreshing;
    assert.equal(store.get(), undefined);
    assert.deepEqual(ends, ['logout']);
    const sessions = await observer.sessions();
    assert.deepEqual([sessions.length, sessions[0].current], [1, true], 'the service has none either');
  }
});

test('what is refused to a former session does not end the next one, nor is it repeated in its name', async (t) => {
  const store = memoryStore();
  let goOn;
  const held = new Promise((resolve) => {
    goOn = resolve;
  });
  const proxy = await service.proxy(t, {
    fault: ({ path, attempt }) => path === refreshPath && attempt === 1 && { until: held },
  });
  const { client, ends } = await service.loggedIn({ baseUrl: proxy.origin, store });
  const next = service.newUser();
  await client.register(next);
  makeDue(store);
  const former = assert.rejects(client.me(), { errorCode: 'AUTHENTICATION_REQUIRED' });
  await until(() => proxy.seen(refreshPath).length > 0, 'the refresh');
  await endElsewhere(store);
  await createGatehouse({ baseUrl: proxy.origin, store: { ...store, lock: undefined } }).login(next);
  goOn();
  await former;
  assert.equal((await client.me()).email, next.email);
  assert.deepEqual(ends, ['elsewhere']);
});

test('a logout that the service does not hear of is told, and the tokens are gone', async (t) => {
  const store = memoryStore();
  const proxy = await service.proxy(t, {
    fault: ({ path }) => path === '/api/v1/auth/logout' && { loseRequest: true },
  });
  const { client } = await service.loggedIn({ baseUrl: proxy.origin, store, retry: { baseDelayMs: 1 } });
  await assert.rejects(client.logout(), { name: 'GatehouseNetworkError' });
  assert.equal(proxy.seen('/api/v1/auth/logout').length, 3);
  assert.equal(store.get(), undefined);
});

test('what lies in the store of another service is left there unsent', async (t) => {
  const store = memoryStore();
  await service.loggedIn({ store });
  const proxy = await service.proxy(t);
  const stranger = createGatehouse({ baseUrl: proxy.origin, store });
  assert.equal(await stranger.isLoggedIn(), false);
  await assert.rejects(stranger.me(), { errorCode: 'AUTHENTICATION_REQUIRED' });
  assert.deepEqual(
    proxy.seen('/api/v1/me').map(({ token }) => token),
    [undefined],
  );
});
