import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import { ApiError } from '../../src/errors.ts';
import { HashQueue, type MeasuredWork } from '../../src/passwords/hash-queue.ts';

/** A queue whose work ends when the test says so. */
function bench(options: { threads: number; maxWaitMs: number; msPerHash: number }) {
  const queue = new HashQueue(options);
  const started: { finish(durationMs?: number): void; fail(error: Error): void }[] = [];
  const work = (hashes = 1) =>
    new Promise<MeasuredWork>((resolve, reject) => {
      started.push({
        finish: (durationMs = options.msPerHash * hashes) => resolve({ durationMs, hashes }),
        fail: reject,
      });
    });
  const hand = (signal?: AbortSignal, hashes = 1) => {
    const outcome = queue
      .run(hashes, () => work(hashes), signal)
      .then(
        () => 'done',
        (error: { code?: string; name?: string }) =>
          String(error.name === 'AbortError' ? error.name : error.code),
      );
    return { outcome };
  };
  return { queue, started, hand };
}

t.test('a burst is admitted up to the bound and no further', async (t) => {
  // The last one admitted finds 20 hashes before it: 20 × 100 ms ÷ 2 threads = the 1,000 ms allowed
  const { queue, started, hand } = bench({ threads: 2, maxWaitMs: 1000, msPerHash: 100 });
  const outcomes = Array.from({ length: 1000 }, () => hand().outcome);
  t.equal(started.length, 2, 'as many at once as there are threads');
  t.equal(queue.size, 19);
  t.equal(queue.estimatedWaitMs(), 1050);

  let finished = 0;
  while (finished < started.length) {
    started[finished]?.finish();
    finished += 1;
    await nextTurn();
    t.ok(started.length - finished <= 2, 'never more at once than threads');
  }
  const results = await Promise.all(outcomes);
  t.equal(results.filter((result) => result === 'done').length, 21);
  t.equal(results.filter((result) => result === 'PASSWORD_HASHING_BUSY').length, 979);
  t.same(results.slice(0, 21), Array(21).fill('done'), 'first come, first served');
  t.equal(queue.estimatedWaitMs(), 0);
  t.equal(queue.size, 0);
});

t.test('a refusal says when to come back', async (t) => {
  const { queue, started, hand } = bench({ threads: 1, maxWaitMs: 0, msPerHash: 2500 });
  const first = hand();
  const refusals = await Promise.all(
    Array.from({ length: 100 }, () =>
      queue.run(1, async () => ({ durationMs: 1, hashes: 1 })).catch((error: ApiError) => error),
    ),
  );
  for (const refusal of refusals) t.match(refusal, { code: 'PASSWORD_HASHING_BUSY', statusCode: 503 });
  const seconds = refusals.map((refusal) => refusal instanceof ApiError && refusal.retryAfter);
  t.strictSame([...new Set(seconds)].sort(), [3, 4, 5], 'not all at the same time');
  t.equal(started.length, 1, 'and starts nothing');
  started[0]?.finish(1);
  await first.outcome;

  const quick = bench({ threads: 1, maxWaitMs: 0, msPerHash: 1 });
  const busy = quick.hand();
  const soonest = await quick.queue
    .run(1, async () => ({ durationMs: 1, hashes: 1 }))
    .catch((error: ApiError) => error);
  t.match(soonest, { code: 'PASSWORD_HASHING_BUSY' });
  t.ok(soonest instanceof ApiError && [1, 2, 3].includes(Number(soonest.retryAfter)), 'one second at least');
  quick.started[0]?.finish();
  await busy.outcome;
});

t.test('while a thread is free nobody waits', async (t) => {
  const { queue, started, hand } = bench({ threads: 2, maxWaitMs: 0, msPerHash: 100 });
  const outcomes = [hand().outcome];
  t.equal(queue.estimatedWaitMs(), 0);
  outcomes.push(hand().outcome);
  t.equal(queue.estimatedWaitMs(), 100);
  t.equal(await hand().outcome, 'PASSWORD_HASHING_BUSY');
  for (const work of started) work.finish();
  t.same(await Promise.all(outcomes), ['done', 'done']);
});

t.test('work of several hashes counts as several', async (t) => {
  const { queue, started, hand } = bench({ threads: 1, maxWaitMs: 350, msPerHash: 100 });
  const outcomes = [hand(undefined, 2), hand(undefined, 2), hand(undefined, 2)].map(({ outcome }) => outcome);
  t.equal(queue.estimatedWaitMs(), 400);
  t.equal(await outcomes[2], 'PASSWORD_HASHING_BUSY');
  started[0]?.finish();
  t.equal(await outcomes[0], 'done');
  t.equal(queue.estimatedWaitMs(), 200);
  started[1]?.finish();
  t.equal(await outcomes[1], 'done');
});

t.test('the estimate follows what the hashes really take', async (t) => {
  const { queue, started, hand } = bench({ threads: 1, maxWaitMs: 1e9, msPerHash: 100 });
  for (let index = 0; index < 40; index += 1) {
    const { outcome } = hand(undefined, 2);
    started[index]?.finish(1000);
    await outcome;
  }
  t.ok(queue.msPerHash > 499 && queue.msPerHash < 501, `${queue.msPerHash} ms after 40 pairs of 1,000 ms`);
  const { outcome } = hand();
  started.at(-1)?.finish(0);
  await outcome;
  t.ok(queue.msPerHash > 350, 'one odd reading does not overturn it');
});

t.test('threads that are starved are noticed before they are done', async (t) => {
  const { queue, started, hand } = bench({ threads: 2, maxWaitMs: 500, msPerHash: 10 });
  const outcomes = [hand(), hand()].map(({ outcome }) => outcome);
  await sleep(600);
  t.ok(queue.estimatedWaitMs() > 500, `${queue.estimatedWaitMs()} ms`);
  t.equal(await hand().outcome, 'PASSWORD_HASHING_BUSY');
  started[0]?.finish();
  await outcomes[0];
  const next = hand();
  t.equal(queue.estimatedWaitMs(), 10, 'one thread that is quick again is enough');
  for (const work of started) work.finish();
  t.same(await Promise.all([...outcomes, next.outcome]), ['done', 'done', 'done']);
});

t.test('whoever has gone leaves the queue', async (t) => {
  const { queue, started, hand } = bench({ threads: 1, maxWaitMs: 250, msPerHash: 100 });
  const gone = new AbortController();
  const running = hand();
  const waiting = hand(gone.signal);
  const behind = hand();
  t.equal(await hand().outcome, 'PASSWORD_HASHING_BUSY');
  gone.abort();
  t.equal(await waiting.outcome, 'AbortError');
  t.equal(queue.size, 1);
  t.equal(queue.estimatedWaitMs(), 200, 'its place is free');
  const next = hand();
  started[0]?.finish();
  await running.outcome;
  started[1]?.finish();
  t.equal(await behind.outcome, 'done');
  started[2]?.finish();
  t.equal(await next.outcome, 'done');
  t.equal(started.length, 3, 'what was abandoned was never computed');
});

t.test('a signal that fires while the work runs changes nothing: its result may still count', async (t) => {
  const { queue, started, hand } = bench({ threads: 1, maxWaitMs: 1000, msPerHash: 100 });
  const gone = new AbortController();
  const { outcome } = hand(gone.signal);
  gone.abort();
  t.equal(queue.estimatedWaitMs(), 100, 'the thread is still busy');
  const next = hand();
  t.equal(started.length, 1);
  started[0]?.finish();
  t.equal(await outcome, 'done');
  await nextTurn();
  t.equal(started.length, 2);
  started[1]?.finish();
  t.equal(await next.outcome, 'done');
  t.equal(queue.estimatedWaitMs(), 0);
});

t.test('a signal that has fired already, or fires afterwards, does nothing here', async (t) => {
  const { queue, started, hand } = bench({ threads: 1, maxWaitMs: 1000, msPerHash: 100 });
  t.equal(await hand(AbortSignal.abort()).outcome, 'AbortError');
  const left = new Error('left');
  const work = async () => ({ durationMs: 1, hashes: 1 });
  await t.rejects(queue.run(1, work, AbortSignal.abort(left)), left, 'the reason is what it rejects with');
  t.equal(started.length, 0);
  const late = new AbortController();
  const { outcome } = hand(late.signal);
  started[0]?.finish();
  t.equal(await outcome, 'done');
  late.abort();
  t.equal(queue.estimatedWaitMs(), 0);
});

t.test('work that fails gives its place back', async (t) => {
  const { queue, started, hand } = bench({ threads: 1, maxWaitMs: 1000, msPerHash: 100 });
  const broken = queue.run(1, async () => {
    throw new Error('broken');
  });
  const next = hand();
  await t.rejects(broken, { message: 'broken' });
  await nextTurn();
  t.equal(started.length, 1);
  started[0]?.finish();
  t.equal(await next.outcome, 'done');
  t.equal(queue.estimatedWaitMs(), 0);
  t.equal(queue.msPerHash, 100, 'and tells nothing about the time');
});

t.test('closing refuses what waits and lets what runs finish', async (t) => {
  const { queue, started, hand } = bench({ threads: 1, maxWaitMs: 1000, msPerHash: 100 });
  const running = hand();
  const waiting = hand();
  let closed = false;
  const closing = queue.close().then(() => {
    closed = true;
  });
  t.equal(await waiting.outcome, 'SHUTTING_DOWN');
  t.equal(await hand().outcome, 'SHUTTING_DOWN');
  await nextTurn();
  t.notOk(closed);
  started[0]?.finish();
  t.equal(await running.outcome, 'done');
  await closing;
  await queue.close();
});

t.test('whatever happens, nobody is admitted to a longer wait, and nothing stays owed', async () => {
  const step = fc.oneof(
    fc.record({ do: fc.constant('hand' as const), hashes: fc.integer({ min: 1, max: 4 }) }),
    fc.record({ do: fc.constant('finish' as const), durationMs: fc.integer({ min: 0, max: 400 }) }),
    fc.record({ do: fc.constant('abort' as const), which: fc.nat(50) }),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 0, max: 900 }),
      async (steps, threads, maxWaitMs) => {
        const { queue, started, hand } = bench({ threads, maxWaitMs, msPerHash: 100 });
        const handed: { outcome: Promise<string>; controller: AbortController }[] = [];
        let finished = 0;
        for (const now of steps) {
          if (now.do === 'hand') {
            const tooLong = queue.estimatedWaitMs() > maxWaitMs;
            const before = started.length + queue.size;
            const controller = new AbortController();
            handed.push({ controller, ...hand(controller.signal, now.hashes) });
            if (started.length + queue.size - before !== (tooLong ? 0 : 1)) return false;
          } else if (now.do === 'finish' && finished < started.length) {
            started[finished++]?.finish(now.durationMs);
          } else if (now.do === 'abort') {
            handed[now.which]?.controller.abort();
          }
          await nextTurn();
          if (started.length - finished > threads) return false;
          if (queue.size > 0 && started.length - finished < threads) return false;
        }
        while (finished < started.length) {
          started[finished++]?.finish();
          await nextTurn();
        }
        await Promise.all(handed.map(({ outcome }) => outcome));
        return queue.estimatedWaitMs() === 0 && queue.size === 0;
      },
    ),
  );
});
