import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { type EngineName, loadEngine } from '../../src/passwords/engine.ts';
import { formFor } from '../../src/passwords/hash-format.ts';
import {
  type PasswordHasher,
  type PasswordHasherOptions,
  startPasswordHasher,
} from '../../src/passwords/hasher.ts';
import { passlibVectors } from '../support/passlib-vectors.ts';

const hasNative = await loadEngine('native').then(
  () => true,
  () => false,
);
const engineNames: EngineName[] = hasNative ? ['bcryptjs', 'native'] : ['bcryptjs'];

async function start(t: Test, options: Partial<PasswordHasherOptions> = {}) {
  const hasher = await startPasswordHasher({
    cost: 4,
    engine: 'auto',
    maxWaitMs: 60_000,
    threads: 1,
    ...options,
  });
  t.teardown(() => hasher.close());
  return hasher;
}

/** One of each engine at cost 5, for all tests that are about neither cost nor queue. */
const sharedHashers = await Promise.all(engineNames.map((engine) => start(t, { engine, cost: 5 })));
const [shared] = sharedHashers;
if (shared === undefined) throw new Error('There is no engine');

const yes = { matches: true, needsRehash: false, malformed: false };
const again = { matches: true, needsRehash: true, malformed: false };
const no = { matches: false, needsRehash: false, malformed: false };

for (const engine of engineNames) {
  t.test(`${engine} verifies what passlib wrote`, async (t) => {
    // Not a shared one: from the first hash of cost 12 on, its refusals all take as long
    const hasher = await start(t, { engine, cost: 5 });
    for (const [password, stored] of [...passlibVectors.plain, ...passlibVectors.digestedVersion1]) {
      // Each needs a rehash: another cost or identifier, text that is not normalised, or an older version
      t.same(await hasher.verify(password, stored), again, stored);
      t.same(await hasher.verify(`${password}!`, stored), no, `${stored}, wrong`);
    }
    for (const [password, stored] of passlibVectors.truncated) {
      t.same(await hasher.verify(password, stored), again, stored);
      t.same(await hasher.verify(`${password}!`, stored), again, `${stored} ends at byte 72`);
      t.same(await hasher.verify(`!${password}`, stored), no, `${stored}, wrong`);
    }
    for (const [password, stored] of passlibVectors.digested) {
      const expected = formFor(password) === 'bcrypt-sha256' ? yes : again;
      t.same(await hasher.verify(password, stored), expected, stored);
      t.same(await hasher.verify(`${password}!`, stored), no, `${stored}, wrong`);
    }
  });

  t.test(`${engine} writes what the other one accepts, nothing truncated`, async (t) => {
    const hasher = await start(t, { engine, cost: 5 });
    for (const length of [8, 71, 72, 73, 128]) {
      const password = 'p'.repeat(length);
      const stored = await hasher.hash(password);
      t.match(stored, length < 72 ? /^\$2b\$05\$/ : /^\$bcrypt-sha256\$v=2,t=2b,r=5\$/, `${length} bytes`);
      t.not(stored, await hasher.hash(password), 'salted');
      for (const other of sharedHashers) {
        t.same(await other.verify(password, stored), yes, `${length} bytes by ${other.engine}`);
        t.same(await other.verify(`${password}p`, stored), no, `one more than ${length} by ${other.engine}`);
        t.same(
          await other.verify(password.slice(1), stored),
          no,
          `one less than ${length} by ${other.engine}`,
        );
      }
    }
  });
}

t.test('any text verifies against its own hash and no other', async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.string({ unit: 'grapheme', minLength: 10, maxLength: 128 }),
    fc.constantFrom('', '\0', 'a\0b', 'a\0a'),
  );
  await fc.assert(
    fc.asyncProperty(
      text,
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 }),
      async (password, more) => {
        const stored = await shared.hash(password);
        const right = await shared.verify(password, stored);
        const wrong = await shared.verify(password + more, stored);
        const normalised = password.replace(/\p{Zs}/gu, ' ').normalize('NFC');
        const stillSame = (password + more).replace(/\p{Zs}/gu, ' ').normalize('NFC') === normalised;
        return right.matches && !right.needsRehash && wrong.matches === stillSame;
      },
    ),
  );
});

t.test('a NUL ends nothing', async (t) => {
  const stored = await shared.hash('secret pass');
  t.same(await shared.verify('secret pass\0', stored), no);
  t.same(await shared.verify('secret pass\0secret pass', stored), no, 'to bcrypt itself this is the same');
  t.same(await shared.verify('\0', await shared.hash('')), no, 'nor is a NUL an empty password');
});

t.test('the same password typed on another device', async (t) => {
  const composed = await shared.hash('Gr\u00fcezi Mitenand');
  t.same(
    await shared.verify('Gru\u0308ezi\u00a0Mitenand', composed),
    yes,
    'decomposed, with a no-break space',
  );
  t.same(await shared.verify('gr\u00fcezi mitenand', composed), no, 'case counts');
});

t.test('unusable stored hashes match nothing and break nothing', async (t) => {
  for (const stored of ['', 'secret', '$2x$04$x', `$2b$99$${'.'.repeat(53)}`, '\0', '$argon2id$v=19$x']) {
    t.same(await shared.verify('secret', stored), { ...no, malformed: true }, JSON.stringify(stored));
  }
  t.same(await shared.verify('secret', null), no, 'no account');
});

t.test('every refusal costs the same', async (t) => {
  const hasher = await start(t, { cost: 7 });
  const stored = await hasher.hash('the right password');
  const fromCost5 = await shared.hash('the right password');
  const long = await hasher.hash('x'.repeat(100));
  const decomposed = 'wro\u0308ng password';
  const cases: Record<string, [password: string, stored: string | null, hashes: number]> = {
    'no account': ['wrong password', null, 1],
    'wrong password': ['wrong password', stored, 1],
    'malformed hash': ['wrong password', 'malformed', 1],
    'hash of a lower cost': ['wrong password', fromCost5, 1],
    'long password': ['wrong password', long, 1],
    'no account, two candidates': [decomposed, null, 2],
    'wrong password, two candidates': [decomposed, stored, 2],
    'hash of a lower cost, two candidates': [decomposed, fromCost5, 2],
  };
  const costs = await costsOf(hasher, cases);
  for (const [title, [, , hashes]] of Object.entries(cases)) {
    // Without a hash the ratio would be about 0, with the lower cost a quarter, with one of two candidates a half
    const ratio = costs(title) / costs('wrong password') / hashes;
    t.ok(ratio > 0.65 && ratio < 1.5, `${title}: ${ratio.toFixed(2)} of a wrong password for each hash`);
  }
});

t.test('where older hashes cost more than new ones, every refusal costs as much as theirs', async (t) => {
  const hasher = await start(t, { cost: 5 });
  const costly = (await shared.hash('the right password')).replace('$05$', '$07$');
  await hasher.verify('wrong password', costly);
  const costs = await costsOf(hasher, {
    'a costly hash': ['wrong password', costly],
    'no account': ['wrong password', null],
    'a new hash': ['wrong password', await hasher.hash('the right password')],
  });
  for (const title of ['no account', 'a new hash']) {
    const ratio = costs(title) / costs('a costly hash');
    t.ok(ratio > 0.65 && ratio < 1.5, `${title}: ${ratio.toFixed(2)} of a costly hash`);
  }
});

/**
 * Verifies wrong passwords, and gives what each case costs in microseconds of processor time: unlike the time that
 * passes, it hardly depends on what else the machine does. Of each case the cheapest of several rounds counts, as
 * noise can only add; the cases take turns, so that warming up or throttling meets them alike.
 */
async function costsOf(
  hasher: PasswordHasher,
  cases: Record<string, readonly [password: string, stored: string | null, ...unknown[]]>,
): Promise<(title: string) => number> {
  const cheapest = new Map<string, number>();
  for (let round = 0; round < 10; round += 1) {
    for (const [title, [password, stored]] of Object.entries(cases)) {
      const before = process.cpuUsage();
      const { matches } = await hasher.verify(password, stored);
      const { user, system } = process.cpuUsage(before);
      if (matches) throw new Error(`${title}: a wrong password matches`);
      cheapest.set(title, Math.min(cheapest.get(title) ?? Infinity, user + system));
    }
  }
  return (title) => cheapest.get(title) ?? Number.NaN;
}

t.test('a storm is admitted up to the bound, all admitted finish', async (t) => {
  const hasher = await start(t, { cost: 8, maxWaitMs: 200, threads: 2 });
  const msPerHash = hasher.msPerHash();
  const bound = Math.max(hasher.threads, Math.floor((200 * hasher.threads) / msPerHash) + 1);
  const began = performance.now();
  const outcomes = await Promise.all(
    Array.from({ length: 1000 }, () =>
      hasher.verify('wrong password', null).then(
        (verdict) => ({ verdict, ms: performance.now() - began }),
        (error: { code: string; retryAfter: number }) => ({ error, ms: performance.now() - began }),
      ),
    ),
  );
  const admitted = outcomes.filter((outcome) => 'verdict' in outcome);
  const refused = outcomes.filter((outcome) => 'error' in outcome);
  t.equal(admitted.length, bound, `${bound} at ${msPerHash.toFixed(1)} ms a hash`);
  t.ok(bound < 500, 'the bound is what held');
  for (const outcome of refused) {
    if (outcome.error.code !== 'PASSWORD_HASHING_BUSY' || ![1, 2, 3].includes(outcome.error.retryAfter))
      t.fail('refused oddly');
  }
  const firstAnswer = Math.min(...admitted.map(({ ms }) => ms));
  t.ok(
    Math.max(...refused.map(({ ms }) => ms)) <= firstAnswer,
    'refused at once, before anybody was answered',
  );
  t.equal(hasher.queueSize, 0);
  t.equal(hasher.estimatedWaitMs(), 0);
  t.same(await hasher.verify('wrong password', null), no, 'and the next one is served');
});

t.test('verifying two candidates counts as two', async (t) => {
  const hasher = shared;
  const one = hasher.verify('plain', null);
  const waitAfterOne = hasher.estimatedWaitMs();
  const two = hasher.verify('de\u0301compose\u0301', null);
  t.ok(Math.abs(hasher.estimatedWaitMs() / waitAfterOne - 3) < 1e-9);
  t.equal(hasher.queueSize, 1);
  await Promise.all([one, two]);
});

t.test('whoever has gone leaves the queue, and the thread lives on', async (t) => {
  const hasher = await start(t, { cost: 8 });
  const gone = new AbortController();
  const running = hasher.verify('first', null, gone.signal);
  const controllers = Array.from({ length: 50 }, () => new AbortController());
  const waiting = controllers.map(({ signal }) => hasher.hash('secret of nobody', signal));
  const after = hasher.hash('secret of somebody');
  t.equal(hasher.queueSize, 51);
  for (const controller of [gone, ...controllers]) controller.abort();
  t.equal(hasher.queueSize, 1);
  const [begun, ...left] = await Promise.allSettled([running, ...waiting]);
  t.match(begun, { status: 'fulfilled', value: { matches: false } }, 'what has begun is finished');
  for (const outcome of left) {
    t.match(outcome, { status: 'rejected', reason: { name: 'AbortError' } });
    t.notMatch(JSON.stringify(outcome), 'secret');
  }
  t.ok(await after);
  t.equal(hasher.estimatedWaitMs(), 0);
});

t.test('nothing on the main thread waits for a hash', async (t) => {
  const stored = `$2b$12$${'.'.repeat(53)}`;
  for (const hasher of sharedHashers) {
    let settled = false;
    const verifying = hasher.verify('some password', stored).then(() => {
      settled = true;
    });
    await nextTurn();
    t.notOk(settled, hasher.engine);
    await verifying;
  }
});

t.test('one thread per core, and only those step back', { skip: process.platform !== 'linux' }, async (t) => {
  const niceOf = async (thread: string) => {
    const stat = await readFile(`/proc/self/task/${thread}/stat`, 'utf8');
    // proc(5): nice is field 19, and the second field, in brackets, may hold spaces.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
  };
  const countOf = async (nice: number) => {
    const threads = await readdir('/proc/self/task');
    return (await Promise.all(threads.map(niceOf))).filter((each) => each === nice).length;
  };
  const main = await niceOf(String(process.pid));
  const before = await countOf(main + 10);
  const hasher = await startPasswordHasher({ cost: 4, engine: 'auto', maxWaitMs: 1000 });
  t.teardown(() => hasher.close());
  t.equal(hasher.threads, availableParallelism());
  t.equal(await niceOf(String(process.pid)), main, 'the main thread keeps its priority');
  // The priority stays where the optional @napi-rs/nice is missing
  const canStepBack = await import('@napi-rs/nice').then(
    () => true,
    () => false,
  );
  t.equal((await countOf(main + 10)) - before, canStepBack ? hasher.threads : 0);
});

t.test('a cost no engine takes stops the start', async (t) => {
  for (const cost of [3, 32]) {
    await t.rejects(start(t, { cost }), { name: 'RangeError', message: `bcrypt has no cost of ${cost}` });
  }
});

for (const engine of engineNames) {
  t.test(`${engine}: what a hash takes is told from cheaper ones`, async (t) => {
    const hasher = await start(t, { engine, cost: 10 });
    const estimate = hasher.msPerHash();
    const durations: number[] = [];
    for (let round = 0; round < 10; round += 1) {
      const began = performance.now();
      await hasher.hash('some password');
      durations.push(performance.now() - began);
    }
    const ratio = estimate / Math.min(...durations);
    t.ok(ratio > 0.5 && ratio < 3, `${ratio.toFixed(2)} of a real one`);
  });
}

t.test('closing is quick, and final', async (t) => {
  const hasher = await start(t, { cost: 10 });
  const running = hasher.hash('running');
  const waiting = Array.from({ length: 100 }, () => hasher.hash('waiting'));
  const began = performance.now();
  const closing = hasher.close();
  for (const outcome of await Promise.allSettled(waiting)) {
    t.match(outcome, { status: 'rejected', reason: { code: 'SHUTTING_DOWN' } });
  }
  t.match(await running, /^\$2b\$10\$/, 'what runs finishes');
  await closing;
  t.ok(performance.now() - began < 50 * hasher.msPerHash(), 'without working off the queue of 100');
  await t.rejects(hasher.hash('late'), { code: 'SHUTTING_DOWN' });
  await hasher.close();
});
