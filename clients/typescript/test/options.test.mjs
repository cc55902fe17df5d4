import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGatehouse } from '../dist/index.js';
import { stubbed } from './support/stub.mjs';

const baseUrl = 'http://auth.example';

test('an option that is undefined is as one that is left out', async () => {
  const busy = stubbed(() => new Response(null, { status: 503 }), {
    timeoutMs: undefined,
    retry: { maxAttempts: undefined, baseDelayMs: 1 },
  });
  await assert.rejects(busy.client.me(), { status: 503 });
  assert.equal(busy.sent.length, 3);
  const headers = { 'retry-after': '3600' };
  const later = stubbed(() => new Response(null, { status: 503, headers }), {
    retry: { maxAttempts: 3, baseDelayMs: undefined, maxDelayMs: undefined },
  });
  await assert.rejects(later.client.me(), { status: 503, retryAfterSeconds: 3600 });
  assert.equal(later.sent.length, 1);
});

for (const [name, values] of [
  ['maxAttempts', [0, -1, 1.5, 101, Number.NaN, Infinity, null, '3']],
  ['baseDelayMs', [-1, Number.NaN, Infinity, 2 ** 30, null, '500']],
  ['maxDelayMs', [-1, Number.NaN, Infinity, 2 ** 30, null, '500']],
]) {
  test(`retry.${name} is a number in its range`, () => {
    for (const value of values)
      assert.throws(() => createGatehouse({ baseUrl, retry: { [name]: value } }), {
        name: 'TypeError',
        message: new RegExp(`^retry\\.${name} is not a`),
      });
    createGatehouse({ baseUrl, retry: { [name]: 1 } });
  });
}

test('timeoutMs is what a timer can take', () => {
  for (const timeoutMs of [0, -1, Number.NaN, Infinity, 2 ** 31, null, '10'])
    assert.throws(() => createGatehouse({ baseUrl, timeoutMs }), {
      name: 'TypeError',
      message: /^timeoutMs is not a number from 1 to 2147483647$/,
    });
  createGatehouse({ baseUrl, timeoutMs: 2 ** 31 - 1 });
});
