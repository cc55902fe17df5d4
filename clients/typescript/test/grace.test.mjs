import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGatehouse, memoryStore } from '../dist/index.js';
import { refreshPath, serviceForTests } from './support/service.mjs';
import { until } from './support/stub.mjs';

const service = serviceForTests({ env: { REFRESH_GRACE_SECONDS: '2' } });

/** What a tab leaves behind that is closed after the service has answered its refresh, and before it hears of it. */
async function closedDuringRefresh() {
  const store = { ...memoryStore(), lock: undefined };
  let isAnswered = false;
  const { client, user } = await service.loggedIn({
    store,
    async fetch(url, init) {
      const answer = await fetch(url, init);
      if (!url.endsWith(refreshPath)) return answer;
      isAnswered = true;
      return new Promise(() => {});
    },
  });
  store.set({ ...store.get(), renewAt: 0, expiresAt: 0 });
  void client.me();
  await until(() => isAnswered, 'the answer');
  const tab = createGatehouse({ baseUrl: service.origin, store });
  const ends = [];
  tab.onSessionEnd(({ reason }) => ends.push(reason));
  return { store, tab, ends, user };
}

test('a tab that is closed during a refresh and opened again within the grace goes on', async () => {
  const { tab, ends, user } = await closedDuringRefresh();
  assert.equal((await tab.me()).email, user.email);
  assert.deepEqual(ends, []);
  assert.equal((await tab.sessions()).length, 1);
});

test('opened again later its session is over, which is told once; the other sessions of the user are not', async () => {
  const { store, tab, ends, user } = await closedDuringRefresh();
  const elsewhere = createGatehouse({ baseUrl: service.origin });
  await elsewhere.login(user);
  await sleep(2500);
  await assert.rejects(tab.me(), { status: 401, errorCode: 'REFRESH_TOKEN_REUSED' });
  assert.deepEqual(ends, ['REFRESH_TOKEN_REUSED']);
  assert.equal(store.get(), undefined);
  assert.equal((await elsewhere.sessions()).length, 1);
  await tab.login(user);
  assert.equal((await tab.me()).email, user.email);
});
