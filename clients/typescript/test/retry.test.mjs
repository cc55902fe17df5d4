import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createGatehouse, GatehouseNetworkError } from '../dist/index.js';
import { unlessAborted, wait } from '../dist/retry.js';
import { mePath, serviceForTests } from './support/service.mjs';
import { stubbed, until } from './support/stub.mjs';

const service = serviceForTests();

const registerPath = '/api/v1/register-user';
const loginPath = '/api/v1/auth/login';

/** What the service answers with this status and code, said by the proxy. */
function refusal(status, errorCode, headers = {}) {
  const body = JSON.stringify({ detail: 'Not now', error_code: errorCode });
  return { answer: { status, headers: { 'content-type': 'application/json', ...headers }, body } };
}

const busy = (retryAfter) => refusal(503, 'PASSWORD_HASHING_BUSY', { 'retry-after': retryAfter });

/** Milliseconds between the first and the second attempt of each x-request-id. */
function gaps(requests) {
  const ids = [...new Set(requests.map(({ id }) => id))];
  return ids.map((id) => {
    const [first, second] = requests.filter((request) => request.id === id);
    return second.at - first.at;
  });
}

test('Retry-After is honoured by each of many clients, and none comes back with the others', async (t) => {
  const first = new Set();
  const proxy = await service.proxy(t, {
    fault: ({ id }) => {
      if (first.has(id)) return {};
      first.add(id);
      return busy('1');
    },
  });
  const { api } = createGatehouse({ baseUrl: proxy.origin });
  const calls = Array.from({ length: 60 }, (_, index) =>
    api.GET('/livez', { headers: { 'x-request-id': `call-${index}` } }),
  );
  for (const { response } of await Promise.all(calls)) assert.equal(response.status, 200);
  const waits = gaps(proxy.seen('/livez')).sort((a, b) => a - b);
  assert.equal(waits.length, 60);
  assert.ok(waits[0] >= 995, `the shortest is ${waits[0]}`);
  // By chance less than once in 10^9: 60 of [1000, 1500) that leave a third of it free. A machine that is busy spreads them more
  assert.ok(waits[59] - waits[0] > 165, `from ${waits[0]} to ${waits[59]}`);
});

test('a date in Retry-After is one of the clock that wrote it', async (t) => {
  // Far from ours, as clocks of servers may be
  const date = Date.parse('2001-02-03T04:05:06Z');
  const headers = { date: new Date(date).toUTCString(), 'retry-after': new Date(date + 1000).toUTCString() };
  const proxy = await service.proxy(t, {
    fault: ({ attempt }) => attempt === 1 && refusal(503, 'NOT_READY', headers),
  });
  const { response } = await createGatehouse({ baseUrl: proxy.origin }).api.GET('/livez');
  assert.equal(response.status, 200);
  const [gap] = gaps(proxy.seen('/livez'));
  // Far less than the years between the two clocks, or the ten seconds of the bound
  assert.ok(gap >= 995 && gap < 8000, String(gap));
});

test('attempts are bounded, and the last refusal is what the caller gets', async (t) => {
  const proxy = await service.proxy(t, { fault: () => refusal(503, 'DATABASE_UNAVAILABLE') });
  const client = createGatehouse({ baseUrl: proxy.origin, retry: { baseDelayMs: 20 } });
  await assert.rejects(client.me(), { status: 503, errorCode: 'DATABASE_UNAVAILABLE' });
  assert.equal(proxy.seen(mePath).length, 3);
  const persistent = createGatehouse({ baseUrl: proxy.origin, retry: { baseDelayMs: 1, maxAttempts: 5 } });
  await assert.rejects(persistent.me(), { status: 503 });
  assert.equal(proxy.seen(mePath).length, 3 + 5);
});

test('a longer wait than the bound is left to the caller', async (t) => {
  const proxy = await service.proxy(t, { fault: () => busy('11') });
  const client = createGatehouse({ baseUrl: proxy.origin });
  const started = performance.now();
  await assert.rejects(client.me(), { status: 503, retryAfterSeconds: 11 });
  assert.ok(performance.now() - started < 10_000);
  assert.equal(proxy.seen(mePath).length, 1);
});

test('there is a random part on top of the longest Retry-After too', async (t) => {
  t.mock.method(Math, 'random', () => 0.9);
  const { client, sent } = stubbed(
    () => new Response(null, { status: 503, headers: { 'retry-after': '1' } }),
    {
      retry: { maxAttempts: 2, maxDelayMs: 1000, baseDelayMs: 1000 },
    },
  );
  const started = performance.now();
  await assert.rejects(client.me(), { status: 503 });
  const took = performance.now() - started;
  assert.equal(sent.length, 2);
  assert.ok(took >= 1895, `${took} ms`);
});

test('a wait and a promise leave no listener at the signal, whenever it was aborted', async () => {
  const aborted = AbortSignal.abort(new Error('gone'));
  await assert.rejects(wait(10_000, aborted), /gone/);
  await assert.rejects(unlessAborted(Promise.reject(new Error('unheard')), aborted), /gone/);
  const controller = new AbortController();
  await wait(1, controller.signal);
  const waiting = assert.rejects(wait(10_000, controller.signal), { name: 'AbortError' });
  assert.equal(getEventListeners(controller.signal, 'abort').length, 1);
  controller.abort();
  await waiting;
  for (const signal of [aborted, controller.signal])
    assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('an abort ends a wait and an attempt at once, and nothing is sent any more', async (t) => {
  for (const fault of [busy('5'), { delayMs: 5000 }]) {
    const proxy = await service.proxy(t, { fault: () => fault });
    const client = createGatehouse({ baseUrl: proxy.origin });
    const gone = new AbortController();
    const call = client.me({ signal: gone.signal });
    await until(() => proxy.seen(mePath).length === 1, 'the request');
    // Time for the first answer, so that the client waits
    await sleep(300);
    const started = performance.now();
    gone.abort();
    await assert.rejects(call, { name: 'AbortError' });
    // Far less than the wait and the answer would take
    assert.ok(performance.now() - started < 3000);
    await assert.rejects(client.me({ signal: gone.signal }), { name: 'AbortError' });
    await sleep(300);
    assert.equal(proxy.seen(mePath).length, 1);
  }
});

test('a deadline of the caller ends waits too', async (t) => {
  const proxy = await service.proxy(t, { fault: () => busy('1') });
  const client = createGatehouse({ baseUrl: proxy.origin });
  await assert.rejects(client.me({ signal: AbortSignal.timeout(600) }), { name: 'TimeoutError' });
  assert.equal(proxy.seen(mePath).length, 1);
});

test('an answer that does not come in time is none', async (t) => {
  const proxy = await service.proxy(t, { fault: ({ attempt }) => attempt < 3 && { delayMs: 1000 } });
  const options = { baseUrl: proxy.origin, timeoutMs: 200, retry: { baseDelayMs: 10 } };
  const { response } = await createGatehouse(options).api.GET('/livez');
  assert.equal(response.status, 200, 'the third attempt');
  await assert.rejects(
    createGatehouse({ ...options, timeoutMs: 1, retry: { maxAttempts: 1 } }).me(),
    (error) => error instanceof GatehouseNetworkError && error.cause.name === 'TimeoutError',
  );
});

test('what a network error leaves open is not sent twice', async (t) => {
  for (const fault of [{ loseAnswer: true }, { cutAnswer: true }, { loseRequest: true }]) {
    const proxy = await service.proxy(t, { fault: ({ attempt }) => attempt === 1 && fault });
    const client = createGatehouse({ baseUrl: proxy.origin });
    const user = service.newUser();
    await assert.rejects(client.register(user), GatehouseNetworkError);
    assert.equal(proxy.seen(registerPath).length, 1);
    if (fault.loseRequest) await client.register(user);
    else await assert.rejects(client.register(user), { errorCode: 'EMAIL_ALREADY_EXISTS' });
    await assert.rejects(client.login(user), GatehouseNetworkError);
    assert.equal(proxy.seen(loginPath).length, 1);
    await client.login(user);
    await client.me();
  }
});

for (const [what, fault, attempts] of [
  ['503 PASSWORD_HASHING_BUSY', busy('0'), 2],
  ['503 SHUTTING_DOWN', refusal(503, 'SHUTTING_DOWN'), 2],
  ['429', { answer: { status: 429 } }, 2],
  ['503 DATABASE_UNAVAILABLE', refusal(503, 'DATABASE_UNAVAILABLE', { 'retry-after': '1' }), 1],
  ['503 of something else', { answer: { status: 503, body: 'Bad day' } }, 1],
  ['500 INTERNAL_ERROR', refusal(500, 'INTERNAL_ERROR'), 1],
]) {
  test(`a registration that is answered ${what} is sent ${attempts === 1 ? 'once' : 'again'}`, async (t) => {
    const proxy = await service.proxy(t, { fault: ({ attempt }) => attempt === 1 && fault });
    const client = createGatehouse({ baseUrl: proxy.origin });
    const registration = client.register(service.newUser());
    if (attempts === 1) await assert.rejects(registration, { status: fault.answer.status });
    else await registration;
    assert.equal(proxy.seen(registerPath).length, attempts);
  });
}
