import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGatehouse, memoryStore } from '../dist/index.js';
import { mePath, refreshPath, serviceForTests } from './support/service.mjs';
import { gate, until } from './support/stub.mjs';

const service = serviceForTests();

async function endElsewhere(refreshToken) {
  const answer = await fetch(`${service.origin}/api/v1/auth/logout`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ refresh_token: refreshToken }),
  });
  assert.equal(answer.status, 204);
}

/** A store that fails to set anything as long as it is full. */
function fillable() {
  const store = memoryStore();
  const state = { isFull: false };
  return {
    ...store,
    state,
    set(tokens) {
      if (state.isFull) throw new DOMException('The quota is exceeded', 'QuotaExceededError');
      store.set(tokens);
    },
  };
}

test('the next tokens are used, and exchanged, while the store does not take them, and stored when it does', async (t) => {
  const store = fillable();
  const proxy = await service.proxy(t);
  const { client, ends } = await service.loggedIn({ baseUrl: proxy.origin, store });
  const stored = store.get();
  store.state.isFull = true;
  const second = await client.accessToken({ refused: stored.accessToken });
  assert.notEqual(second, stored.accessToken);
  await client.me();
  assert.deepEqual(
    proxy.seen(mePath).map(({ token }) => token),
    [second],
  );
  const third = await client.accessToken({ refused: second });
  assert.notEqual(third, second);
  await client.me();
  assert.deepEqual(store.get(), stored);

  store.state.isFull = false;
  await client.me();
  await until(() => store.get().accessToken === third, 'the tokens in the store');
  const other = createGatehouse({ baseUrl: proxy.origin, store });
  await other.accessToken({ refused: third });
  assert.ok(proxy.seen(refreshPath).every(({ status }) => status === 200));
  await client.me();
  assert.deepEqual(ends, []);
});

test('what the store did not take does not come back after a logout, nor over newer tokens', async () => {
  for (const leave of [
    (store) => store.clear(),
    (store) => store.set({ ...store.get(), accessToken: 'newer', refreshToken: 'newer' }),
  ]) {
    const store = fillable();
    const { client } = await service.loggedIn({ store });
    store.state.isFull = true;
    await client.accessToken({ refused: store.get().accessToken });
    store.state.isFull = false;
    leave(store);
    const left = store.get();
    assert.equal(await client.accessToken(), left?.accessToken);
    await sleep(50);
    assert.deepEqual(store.get(), left);
  }
});

/** Each of its steps takes a while, and to hear that it is done takes longest after a change. */
function slowStore(inner = memoryStore()) {
  const slowly = (step, afterMs) => async (value) => {
    await sleep(5);
    const result = step(value);
    await sleep(afterMs);
    return result;
  };
  return {
    ...inner,
    get: slowly(inner.get, 5),
    set: slowly(inner.set, 100),
    clear: slowly(inner.clear, 100),
  };
}

test('in a slow store an end is told once and by its reason, however many read meanwhile', async () => {
  const inner = memoryStore();
  const { client, user, ends } = await service.loggedIn({ store: slowStore(inner) });
  let isDone = false;
  const readAlways = async () => {
    while (!isDone) {
      void client.isLoggedIn();
      await sleep(3);
    }
  };
  const reading = readAlways();
  await endElsewhere(inner.get().refreshToken);
  const answers = await Promise.allSettled([client.me(), client.me(), client.me()]);
  for (const { reason } of answers) assert.equal(reason.errorCode, 'SESSION_ENDED');
  await client.login(user);
  await client.login(user);
  await client.logout();
  isDone = true;
  await reading;
  await sleep(100);
  assert.deepEqual(ends, ['SESSION_ENDED', 'logout']);
  assert.equal(inner.get(), undefined);
});

test('the end of a session does not clear the one that another client has stored meanwhile', async () => {
  const inner = memoryStore();
  const { opened, open } = gate();
  let next;
  const store = {
    ...inner,
    async get() {
      const tokens = inner.get();
      const hold = next;
      next = undefined;
      await hold?.();
      return tokens;
    },
  };
  let isHeld = false;
  const { client, ends } = await service.loggedIn({
    store,
    async fetch(url, init) {
      const answer = await fetch(url, init);
      // The next to read is the end
      if (url.endsWith(mePath))
        next = () => {
          isHeld = true;
          return opened;
        };
      return answer;
    },
  });
  const other = createGatehouse({ baseUrl: service.origin, store });
  const user = service.newUser();
  await other.register(user);
  await endElsewhere(inner.get().refreshToken);
  const former = assert.rejects(client.me(), { errorCode: 'SESSION_ENDED' });
  await until(() => isHeld, 'the end');
  const login = other.login(user);
  await sleep(1000);
  open();
  await former;
  await login;
  assert.equal((await other.me()).email, user.email);
  assert.deepEqual(ends, ['SESSION_ENDED']);
});
