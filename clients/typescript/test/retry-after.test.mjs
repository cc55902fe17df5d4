import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stubbed } from './support/stub.mjs';

const date = 'Sun, 06 Nov 1994 08:49:37 GMT';

for (const [value, seconds] of [
  ['0', 0],
  ['7', 7],
  ['007', 7],
  ['3600', 3600],
  ['Sun, 06 Nov 1994 08:49:38 GMT', 1],
  ['Sun, 06 Nov 1994 08:49:37 GMT', 0],
  ['Sun, 06 Nov 1994 08:00:00 GMT', 0],
  ['Mon, 07 Nov 1994 08:49:37 GMT', 86_400],
  ['-5', undefined],
  ['+3', undefined],
  ['1.5', undefined],
  ['1e3', undefined],
  ['0x10', undefined],
  ['1, 1', undefined],
  ['soon', undefined],
  ['soon 12', undefined],
  ['2999', 2999],
  ['2999-01-01', undefined],
  ['2999-01-01T00:00:00Z', undefined],
  ['Sun, 99 Nov 1994 08:49:38 GMT', undefined],
  ['Sun, 06 Nov 1994 08:49:38 CET', undefined],
  ['', undefined],
]) {
  test(`a Retry-After of "${value}" is ${seconds === undefined ? 'none' : `${seconds} seconds`}`, async () => {
    const headers = { date, 'retry-after': value };
    const { client } = stubbed(() => new Response(null, { status: 503, headers }));
    await assert.rejects(client.me(), { status: 503, retryAfterSeconds: seconds });
  });
}

test('without a date of the answer, or with one that cannot be read, the clock here counts', async () => {
  for (const more of [{}, { date: 'today' }]) {
    const headers = { ...more, 'retry-after': new Date(Date.now() + 100_000).toUTCString() };
    const { client } = stubbed(() => new Response(null, { status: 503, headers }));
    await assert.rejects(client.me(), ({ retryAfterSeconds }) => {
      assert.ok(retryAfterSeconds > 60 && retryAfterSeconds <= 100, String(retryAfterSeconds));
      return true;
    });
  }
});
