import { readdirSync } from 'node:fs';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { loadPasswordPolicy } from '../../src/passwords/password-policy.ts';
import { requestOf, type ValidData, validData } from '../support/arbitrary-requests.ts';
import { brokenRules, fuzz, judge, requestsTo } from '../support/contract-fuzz.ts';
import { documentedRules } from '../support/documented-rules.ts';
import { type Caller, FuzzWorld } from '../support/fuzz-world.ts';
import { type FuzzedOperation, fuzzedOperations, partOf } from '../support/fuzzed-operation.ts';

/** What answers have given, by the name that requests take it under. */
class Harvest {
  #values: Record<string, unknown[]> = {};
  #people: { email: unknown; password: unknown }[] = [];

  constructor({ accessToken, values }: Caller) {
    this.take({ ...values, access_token: accessToken });
    this.#people.push({ email: values['email'], password: values['password'] });
  }

  /** Anything in an answer that is called what a request wants. */
  take(value: unknown): void {
    for (const [name, member] of Object.entries(Object(value))) {
      if (typeof member === 'object') this.take(member);
      else if (/^(access_token|refresh_token|session_id|user_id)$/.test(name)) this.#add(name, member);
      if (/^(access|refresh)_token$/.test(name)) this.#add('token', member);
    }
  }

  takePerson({ email, password }: Record<string, unknown>): void {
    this.#people.push({ email, password });
  }

  #add(name: string, value: unknown): void {
    this.#values[name] = [...(this.#values[name] ?? []), value];
  }

  /** Someone with some of all this: mostly the newest. */
  caller(choice: number): Caller {
    const pick = (list: unknown[]) => list[choice % 3 === 0 ? choice % list.length : list.length - 1];
    const values = Object.fromEntries(Object.entries(this.#values).map(([name, list]) => [name, pick(list)]));
    return {
      accessToken: String(values['access_token']),
      values: { ...values, ...Object(pick(this.#people)) },
    };
  }
}

interface Step {
  operation: FuzzedOperation;
  data: ValidData;
  choice: number;
}

const told = fuzzedOperations.filter(({ tag }) => tag !== 'health' && tag !== 'discovery');
const steps = fc.oneof(
  ...told.map((operation) =>
    fc
      .record({ data: validData(operation), choice: fc.nat(1000) })
      .map(({ data, choice }): Step => ({ operation, data: { ...data, asCaller: true }, choice })),
  ),
);
const runs = 150;
const concurrentRuns = 40;
const leastSteps = 8;

t.setTimeout(600_000);

/** A world in which steps can be taken; all that `take` registers is gone after `forget`. */
async function startWorld(t: Test) {
  const world = await FuzzWorld.start(t);
  const rules = documentedRules(await loadPasswordPolicy(world.gatehouse.config));
  const created: unknown[] = [];
  return {
    world,
    async take({ operation, data, choice }: Step, harvest: Harvest): Promise<void> {
      const request = requestOf(operation, data, harvest.caller(choice));
      const answer = await world.send(request);
      harvest.take(answer.body);
      if (answer.status === 201) {
        created.push(answer.body['user_id']);
        harvest.takePerson(JSON.parse(String(request.payload)));
      }
      const ofOperation = rules.filter((rule) => rule.holdsFor(operation));
      judge(answer, brokenRules(operation, ofOperation, request), false);
    },
    async forget(): Promise<void> {
      for (const userId of created.splice(0)) await world.forgetUser(userId);
    },
  };
}

t.test('what one answer gives, the next requests take', async (t) => {
  const { world, take, forget } = await startWorld(t);
  await fuzz(
    fc.asyncProperty(fc.array(steps, { minLength: leastSteps, maxLength: 20 }), async (sequence) => {
      const harvest = new Harvest(await world.newCaller());
      try {
        for (const step of sequence) await take(step, harvest);
      } finally {
        await forget();
      }
    }),
    runs,
  );
  succeeded(t, world);
  t.ok(world.requests >= runs * leastSteps);
});

t.test('sequences of several callers at once, two of them with the same tokens', async (t) => {
  const { world, take, forget } = await startWorld(t);
  await world.listen();
  const callers = 4;
  let inFlight = 0;
  let most = 0;
  const sequences = fc.array(fc.array(steps, { minLength: leastSteps, maxLength: 12 }), {
    minLength: callers,
    maxLength: callers,
  });
  await fuzz(
    fc.asyncProperty(sequences, async ([first = [], ...others]) => {
      const shared = new Harvest(await world.newCaller());
      const run = async (sequence: Step[], harvest: Harvest) => {
        for (const step of sequence) {
          most = Math.max(most, ++inFlight);
          await take(step, harvest).finally(() => inFlight--);
        }
      };
      const harvests = [
        shared,
        ...(await Promise.all([1, 2].map(() => world.newCaller()))).map((caller) => new Harvest(caller)),
      ];
      // All have ended before anything is taken away
      const ends = await Promise.allSettled([
        run(first, shared),
        ...others.map((sequence, at) => run(sequence, harvests[at] ?? shared)),
      ]);
      await forget();
      for (const end of ends) if (end.status === 'rejected') throw end.reason;
    }),
    concurrentRuns,
  );
  succeeded(t, world);
  t.equal(most, callers, 'requests were under way at once');
  t.ok(world.requests >= concurrentRuns * callers * leastSteps);
});

/** Every operation did at least once. */
function succeeded(t: Test, world: FuzzWorld): void {
  for (const { id } of told) {
    const seen = [...(world.tally.get(id) ?? [])].sort(([a], [b]) => a - b);
    t.comment(`fuzzed ${id}: ${seen.map(([status, times]) => `${times} × ${status}`).join(', ')}`);
    t.ok(
      seen.some(([status]) => status < 300),
      `${id} succeeded`,
    );
  }
  t.comment(`fuzzed in sequences: ${world.requests} requests`);
}

t.test('every operation is fuzzed, with 20,000 requests in all', async (t) => {
  const files = readdirSync(import.meta.dirname);
  for (const operation of fuzzedOperations)
    t.ok(files.includes(`${partOf(operation)}.test.ts`), operation.id);
  const requests = fuzzedOperations.map(requestsTo).reduce((a, b) => a + b, runs * leastSteps);
  t.comment(`fuzzed in all: ${requests} requests at least, to ${fuzzedOperations.length} operations`);
  t.ok(requests >= 20_000);
});
