import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGatehouse, memoryStore } from '../dist/index.js';
import { refreshPath, serviceForTests } from './support/service.mjs';

const service = serviceForTests({ replicas: 2 });

const seconds = 20;
const isRefresh = ({ path }) => path === refreshPath;

/** Of every ten refreshes, two answers are lost, one breaks off, and two attempts come late or are turned away. */
function badNetwork(seen) {
  if (!isRefresh(seen)) return {};
  const faults = {
    1: { loseAnswer: true },
    3: { answer: { status: 503, headers: { 'retry-after': '1' } } },
    5: { loseAnswer: true },
    7: { cutAnswer: true },
    9: { delayMs: 150 },
  };
  return faults[seen.attempt % 10] ?? {};
}

/** Ten tabs of one user, each always asking, on two replicas. */
async function tenTabs(t, { storeOf, lifeSeconds, durationMs = seconds * 1000 }) {
  const proxy = await service.proxy(t, { lifeSeconds, fault: badNetwork });
  const user = service.newUser();
  const result = { user, answers: 0, failures: [], ends: [], proxy };
  const tabs = Array.from({ length: 10 }, (_, index) => {
    const tab = createGatehouse({ baseUrl: proxy.origin, store: storeOf(index) });
    tab.onSessionEnd(({ reason }) => result.ends.push(reason));
    return tab;
  });
  await tabs[0].register(user);
  await tabs[0].login(user);
  for (const index of tabs.keys()) await storeOf(index).set(await storeOf(0).get());
  const until = Date.now() + durationMs;
  await Promise.all(
    tabs.map(async (tab) => {
      while (Date.now() < until && result.ends.length < 10) {
        await tab.me().then(
          () => {
            result.answers += 1;
          },
          (error) => result.failures.push(String(error)),
        );
        await sleep(Math.random() * 60);
      }
    }),
  );
  const refreshes = proxy.seen(refreshPath);
  t.diagnostic(
    `${result.answers} answers, ${result.failures.length} failures, ${refreshes.length} refreshes, ${result.ends.length} ends`,
  );
  return { ...result, refreshes, client: tabs[0] };
}

describe('ten tabs', { concurrency: true }, () => {
  for (const [name, makeStore, lifeSeconds, most] of [
    // One refresh for each life of a token, and those that were lost
    ['that take turns', memoryStore, 2, 3],
    // Longer than an attempt to refresh may take, as those of the service are: it gives them ten seconds or more
    ['that cannot take turns', () => ({ ...memoryStore(), lock: undefined }), 4, 20],
  ]) {
    test(`${name} never log their user out`, async (t) => {
      const store = makeStore();
      const { client, answers, failures, ends, refreshes } = await tenTabs(t, {
        storeOf: () => store,
        lifeSeconds,
      });
      assert.deepEqual(failures, []);
      assert.deepEqual(ends, []);
      assert.ok(answers > 200, `${answers} answers`);
      assert.ok(refreshes.every(({ status }) => status !== 401));
      const lives = seconds / lifeSeconds;
      assert.ok(refreshes.length >= lives / 2, `${refreshes.length} refreshes`);
      assert.ok(refreshes.length <= lives * most, `${refreshes.length} refreshes`);
      assert.equal((await client.sessions()).length, 1);
    });
  }

  test('with copies of their own do: this is what the store is for', async (t) => {
    const stores = Array.from({ length: 10 }, memoryStore);
    const { ends, refreshes } = await tenTabs(t, {
      storeOf: (index) => stores[index],
      lifeSeconds: 1,
      durationMs: 8000,
    });
    assert.equal(ends.length, 10);
    // Which of the ten hears of the reuse depends on whose answers are lost; the log counts it below
    assert.ok(refreshes.some(({ status }) => status === 401));
  });
});

test('the service has seen a reuse of the last ones alone', () => {
  const codes = service.logged(refreshPath).map(({ error_code }) => error_code);
  const count = codes.filter((code) => code === 'REFRESH_TOKEN_REUSED').length;
  assert.equal(count, 1);
});
