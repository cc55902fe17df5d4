import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import type { Test } from 'tap';
import { normaliseEmail } from '../../src/accounts/email.ts';
import { errorCatalogue } from '../../src/errors.ts';
import { loadPasswordPolicy } from '../../src/passwords/password-policy.ts';
import type { Answer } from './app.ts';
import { type Fault, faultsOf } from './arbitrary-faults.ts';
import { boundaryFaults } from './arbitrary-json-faults.ts';
import { namesOfCaller, plainRequest, requestOf, validData } from './arbitrary-requests.ts';
import { lengthOf } from './arbitrary-schema.ts';
import { type DocumentedRule, documentedRules } from './documented-rules.ts';
import {
  type Caller,
  endedSession,
  type FuzzedRequest,
  FuzzWorld,
  registration,
  worthlessClients,
} from './fuzz-world.ts';
import { type FuzzedOperation, fuzzedOperations, partOf } from './fuzzed-operation.ts';
import { bearer } from './people.ts';
import { refusedFields } from './refused.ts';

/** Runs of the properties of one operation; each sends one request. */
const runs = { valid: 500, faulty: 550, unauthenticated: 150 };

/** The share of valid data that has to succeed: half is made up, and some of the rest breaks a rule. */
const leastSuccesses = 0.15;

/** What an operation is sent, at least. */
export function requestsTo({ credentials }: FuzzedOperation): number {
  return runs.valid + runs.faulty + (credentials === 'none' ? 0 : runs.unauthenticated);
}

/** FUZZ_SCALE multiplies the runs; FUZZ_SEED, which a failure names, makes the same requests again. */
const { FUZZ_SCALE = '1', FUZZ_SEED = String(randomInt(2 ** 31)) } = process.env;

/** Checks a property, with so many runs times FUZZ_SCALE, the examples first. */
export async function fuzz<T>(
  property: fc.IAsyncProperty<T>,
  numRuns: number,
  examples: T[] = [],
): Promise<void> {
  const parameters = { numRuns: numRuns * Number(FUZZ_SCALE), seed: Number(FUZZ_SEED), examples };
  const details = await fc.check(property, parameters);
  if (!details.failed) return;
  const { errorInstance, counterexample, numRuns: run, numShrinks } = details;
  const cause = errorInstance instanceof Error ? errorInstance.message : fc.stringify(errorInstance);
  throw new Error(
    `${cause}\nin run ${run}, after ${numShrinks} shrinks: ${fc.stringify(counterexample)}\nagain with FUZZ_SEED=${FUZZ_SEED}`,
  );
}

/** Drives the operations of this part; every answer is compared with the document by the app itself. */
export async function fuzzOperations(t: Test, part: string): Promise<void> {
  // A quarter of a minute for each file on two idle cores; busy ones are no failure
  t.setTimeout(600_000);
  const world = await FuzzWorld.start(t);
  const rules = documentedRules(await loadPasswordPolicy(world.gatehouse.config));
  const operations = fuzzedOperations.filter((operation) => partOf(operation) === part);

  for (const operation of operations) {
    const { id, credentials } = operation;
    t.test(`${id} takes what the document allows`, (t) => sendValid(t, world, operation, rules));
    t.test(`${id} refuses what the document does not allow`, (t) => sendFaulty(t, world, operation));
    if (credentials !== 'none')
      t.test(`${id} refuses who may not ask`, (t) => sendUnauthenticated(t, world, operation));
  }

  t.test('each operation was driven, to its successes and its refusals', async (t) => {
    for (const { id } of operations) {
      const seen = [...(world.tally.get(id) ?? [])].sort(([a], [b]) => a - b);
      const statuses = seen.map(([status]) => status);
      t.comment(`fuzzed ${id}: ${seen.map(([status, times]) => `${times} × ${status}`).join(', ')}`);
      t.ok(Math.max(...statuses) >= 400, `${id} refused`);
      const successes = seen.filter(([status]) => status < 300).map(([, times]) => times);
      const least = runs.valid * leastSuccesses;
      t.ok(successes.reduce((a, b) => a + b, 0) >= least, `${id} succeeded ${least} times at least`);
    }
    const share = operations.map(requestsTo).reduce((a, b) => a + b, 0);
    t.comment(`fuzzed ${part}: ${world.requests} requests with FUZZ_SEED=${FUZZ_SEED}`);
    t.ok(world.requests >= share, `${world.requests} requests, of ${share} at least`);
  });
}

async function sendValid(
  t: Test,
  world: FuzzWorld,
  operation: FuzzedOperation,
  rules: DocumentedRule[],
): Promise<void> {
  const ofOperation = rules.filter((rule) => rule.holdsFor(operation));
  for (const { words } of ofOperation) t.match(operation.words, words, 'the document has the rule');
  const broken = new Set<DocumentedRule>();
  await fuzz(
    fc.asyncProperty(validData(operation), async (data) => {
      const caller = await (operation.method === 'GET' ? world.keeper : world.newCaller());
      const request = requestOf(operation, data, caller);
      const before = await world.sessions();
      const answer = await world.send(request);
      if (answer.status === 201) await checkStored(world, request, answer);
      if (answer.status === 204 && operation.tag === 'sessions')
        sameList(await world.sessions(), sessionsLeft(before, operation, request, caller));
      const madeUp = namesOfCaller(operation, caller).filter(
        (name) => name in data.params || name in Object(data.body),
      );
      const succeeds = data.asCaller || madeUp.length === 0;
      const brokenNow = brokenRules(operation, ofOperation, request);
      for (const rule of brokenNow) broken.add(rule);
      judge(answer, brokenNow, succeeds);
    }),
    runs.valid,
  );
  for (const rule of ofOperation.filter(({ field }) => field !== undefined))
    t.ok(broken.has(rule), `some of the data breaks the rule ${rule.words}`);
}

async function sendFaulty(t: Test, world: FuzzWorld, operation: FuzzedOperation): Promise<void> {
  const body = bodyInOrder(world, operation);
  const inOrder = plainRequest(operation, world.keeper, body);
  const before = await world.stored();
  await fuzz(
    fc.asyncProperty(faultsOf(operation, inOrder, body), async ({ answer: code, field, change }) => {
      const headers = { ...inOrder.headers, ...change.headers };
      refusedWith(await world.send({ ...inOrder, ...change, headers }), code, field);
    }),
    runs.faulty,
    operation.takes === 'json' ? boundaryFaults(operation, body).map((fault): [Fault] => [fault]) : [],
  );
  t.strictSame(await world.stored(), before, 'nothing was written');
}

async function sendUnauthenticated(t: Test, world: FuzzWorld, operation: FuzzedOperation): Promise<void> {
  const { method, url, headers, payload } = plainRequest(
    operation,
    world.keeper,
    bodyInOrder(world, operation),
  );
  const { authorization: _, ...others } = headers;
  const strangers = operation.credentials === 'client' ? worthlessClients : strangersTo(world);
  // Where a body may hold the credentials, the header only counts without one; and ending an ended session is no failure
  const inBody = operation.credentials === 'accessTokenIfNoBody';
  const request = { method, url, ...(!inBody && payload !== undefined && { payload }) };
  const before = await world.stored();
  await fuzz(
    fc.asyncProperty(fc.constantFrom(...Object.keys(strangers)), async (who) => {
      const answer = await world.send({ ...request, headers: { ...others, ...strangers[who] } });
      const isDone = inBody && who === endedSession;
      if (answer.status !== (isDone ? 204 : 401)) throw new Error(JSON.stringify(answer));
    }),
    runs.unauthenticated,
  );
  t.strictSame(await world.stored(), before, 'nothing was written');
}

/** Throws when the user that a 201 tells of is not there as they were sent; takes them away for the next. */
async function checkStored(world: FuzzWorld, { payload }: FuzzedRequest, { body }: Answer): Promise<void> {
  const user = await world.user(body['user_id']);
  await world.forgetUser(body['user_id']);
  const { email, name = '', location = '', about = null } = JSON.parse(String(payload));
  const sent = { email: normaliseEmail(email), name, location, about };
  if (!user || Object.entries(sent).some(([field, value]) => user[field] !== value))
    throw new Error(`${JSON.stringify(user)} is stored for ${JSON.stringify(sent)}`);
}

/** What an end that succeeded leaves of the sessions of a user. */
function sessionsLeft(
  before: string[],
  { id }: FuzzedOperation,
  { url }: FuzzedRequest,
  { values }: Caller,
): string[] {
  const own = String(values['session_id']);
  if (id === 'logoutAll') return [];
  if (id === 'logoutOthers') return [own];
  const ended = id === 'endSession' ? /\/sessions\/(\d+)/.exec(url)?.[1] : own;
  if (!before.includes(String(ended))) throw new Error(`session ${ended} had ended before`);
  return before.filter((each) => each !== ended);
}

function sameList(found: string[], wanted: string[]): void {
  if (found.join() !== wanted.join()) throw new Error(`there are the sessions ${found}, not ${wanted}`);
}

/** Which rules that the document has in words this request breaks. */
export function brokenRules(
  { takes, bodyLimit = 0 }: FuzzedOperation,
  rules: DocumentedRule[],
  { headers, payload }: FuzzedRequest,
): DocumentedRule[] {
  if (payload === undefined) return [];
  const text = String(payload);
  const body = takes === 'form' ? Object.fromEntries(new URLSearchParams(text)) : Object(JSON.parse(text));
  const basic = /^basic /i.test(headers['authorization'] ?? '');
  const sent = { bytes: Buffer.byteLength(payload), limit: bodyLimit, basic };
  return rules.filter((rule) => rule.isBrokenBy(body, sent));
}

/**
 * What was sent is valid: only a rule that the document has in words may refuse it as if it were not, and then does.
 *
 * @param succeeds that what was sent is the caller's own, and nothing may refuse it
 */
export function judge(answer: Answer, broken: DocumentedRule[], succeeds: boolean): void {
  const { status, body } = answer;
  if (broken.length > 0) {
    const isOne = broken.some(({ answer: code }) => code === body['error_code']);
    const fields = broken.every(({ field }) => field !== undefined)
      ? broken.map(({ field }) => field)
      : undefined;
    if (!isOne || (fields && refusedFields(answer).some((field) => !fields.includes(field))))
      throw new Error(`${status} ${JSON.stringify(body)} for ${broken.map(({ words }) => words)}`);
    return;
  }
  if ([400, 413, 415, 422].includes(status)) throw new Error(`valid data: ${status} ${JSON.stringify(body)}`);
  if (succeeds && status >= 400) throw new Error(`their own data: ${status} ${JSON.stringify(body)}`);
}

function refusedWith(
  { status, body, headers }: Answer,
  code: keyof typeof errorCatalogue,
  field?: string,
): void {
  const named = refusedFields({ status, body, headers });
  const shown = field !== undefined && lengthOf(field) > 100 ? undefined : field;
  const isRight =
    status === errorCatalogue[code].status &&
    (Object.keys(body).length === 0 ? code === 'METHOD_NOT_ALLOWED' : body['error_code'] === code) &&
    (shown === undefined || named.includes(shown));
  if (!isRight) throw new Error(`${status} ${JSON.stringify(body)}, and ${code} ${field ?? ''} was due`);
}

function bodyInOrder({ keeper }: FuzzWorld, operation: FuzzedOperation): Record<string, unknown> {
  const names = Object.keys(operation.body.properties ?? {});
  const values: Record<string, unknown> =
    names.includes('email') && names.includes('name') ? registration() : keeper.values;
  return Object.fromEntries(names.filter((name) => name in values).map((name) => [name, values[name]]));
}

function strangersTo({ worthlessTokens }: FuzzWorld): Record<string, Record<string, string>> {
  const withTokens = Object.entries(worthlessTokens).map(([name, token]) => [name, bearer(token)]);
  return {
    ...Object.fromEntries(withTokens),
    nobody: {},
    'an empty header': { authorization: '' },
    'a scheme alone': { authorization: 'Bearer' },
    'a user by HTTP Basic': { authorization: 'Basic YTpi' },
  };
}
