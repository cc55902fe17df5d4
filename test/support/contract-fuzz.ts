import { randomInt } from 'node:crypto';
import fc from 'fast-check';
import type { Test } from 'tap';
import { errorCatalogue } from '../../src/errors.ts';
import { loadPasswordPolicy } from '../../src/passwords/password-policy.ts';
import type { Answer } from './app.ts';
import { faultsOf } from './arbitrary-faults.ts';
import { namesOfCaller, plainRequest, requestOf, validData } from './arbitrary-requests.ts';
import { lengthOf } from './arbitrary-schema.ts';
import { type DocumentedRule, documentedRules } from './documented-rules.ts';
import { type FuzzedRequest, FuzzWorld, registration, worthlessClients } from './fuzz-world.ts';
import { type FuzzedOperation, fuzzedOperations, partOf } from './fuzzed-operation.ts';
import { bearer } from './people.ts';
import { refusedFields } from './refused.ts';

/** Runs of the properties of one operation; each sends one request. */
const runs = { valid: 500, faulty: 550, unauthenticated: 150 };

/** What an operation is sent, at least. */
export function requestsTo({ credentials }: FuzzedOperation): number {
  return runs.valid + runs.faulty + (credentials === 'none' ? 0 : runs.unauthenticated);
}

/** FUZZ_SCALE multiplies the runs; FUZZ_SEED and FUZZ_PATH, which a failure names, repeat it. */
const { FUZZ_SCALE = '1', FUZZ_SEED = String(randomInt(2 ** 31)), FUZZ_PATH } = process.env;

/** Checks a property, with so many runs times FUZZ_SCALE. */
export async function fuzz<T>(property: fc.IAsyncProperty<T>, numRuns: number): Promise<void> {
  await fc.assert(property, {
    numRuns: numRuns * Number(FUZZ_SCALE),
    seed: Number(FUZZ_SEED),
    ...(FUZZ_PATH !== undefined && { path: FUZZ_PATH }),
    reporter: (details) => {
      if (!details.failed) return;
      const { seed, counterexamplePath } = details;
      const cause = details.errorInstance instanceof Error ? details.errorInstance.message : 'interrupted';
      throw new Error(
        `${cause}\nafter ${details.numRuns} runs and ${details.numShrinks} shrinks: ${fc.stringify(details.counterexample)}\n` +
          `to repeat it: FUZZ_SEED=${seed} FUZZ_PATH=${counterexamplePath} npm test -- with the name of this file`,
      );
    },
  });
}

/** Drives the operations of this part; every answer is compared with the document by the app itself. */
export async function fuzzOperations(t: Test, part: string): Promise<void> {
  const world = await FuzzWorld.start(t);
  const rules = documentedRules(await loadPasswordPolicy(world.gatehouse.config));
  const operations = fuzzedOperations.filter((operation) => partOf(operation) === part);

  for (const operation of operations) {
    const { id } = operation;
    t.test(`${id} takes what the document allows`, async (t) => {
      const ofOperation = rules.filter((rule) => rule.holdsFor(operation));
      for (const { words } of ofOperation) t.match(operation.words, words, 'the document has the rule');
      await fuzz(
        fc.asyncProperty(validData(operation), async (data) => {
          const caller = await (operation.method === 'GET' ? world.keeper : world.newCaller());
          const request = requestOf(operation, data, caller);
          const answer = await world.send(request);
          if (answer.status === 201) await world.forgetUser(answer.body['user_id']);
          const asCaller = data.asCaller || namesOfCaller(operation, caller).length === 0;
          judge(answer, brokenRules(operation, ofOperation, request), asCaller);
        }),
        runs.valid,
      );
    });

    t.test(`${id} refuses what the document does not allow`, async (t) => {
      const body = bodyInOrder(world, operation);
      const inOrder = plainRequest(operation, world.keeper, body);
      const before = await world.stored();
      await fuzz(
        fc.asyncProperty(faultsOf(operation, inOrder, body), async ({ answer: code, field, change }) => {
          const headers = { ...inOrder.headers, ...change.headers };
          refusedWith(await world.send({ ...inOrder, ...change, headers }), code, field);
        }),
        runs.faulty,
      );
      t.strictSame(await world.stored(), before, 'nothing was written');
    });

    if (operation.credentials === 'none') continue;
    t.test(`${id} refuses who may not ask`, async (t) => {
      const before = await world.stored();
      const inOrder = plainRequest(operation, world.keeper, bodyInOrder(world, operation));
      const { authorization: _, ...headers } = inOrder.headers;
      const strangers = operation.credentials === 'client' ? worthlessClients : strangersTo(world);
      // With a body, the credentials are in it
      const request = operation.credentials === 'accessTokenIfNoBody' ? withoutBody(inOrder) : inOrder;
      await fuzz(
        fc.asyncProperty(fc.constantFrom(...Object.keys(strangers)), async (who) => {
          const answer = await world.send({ ...request, headers: { ...headers, ...strangers[who] } });
          const ended = operation.credentials === 'accessTokenIfNoBody' && /has ended/.test(who);
          if (answer.status !== (ended ? 204 : 401)) throw new Error(JSON.stringify(answer));
        }),
        runs.unauthenticated,
      );
      t.strictSame(await world.stored(), before, 'nothing was written');
    });
  }

  t.test('each operation was driven, to its successes and its refusals', async (t) => {
    for (const { id } of operations) {
      const seen = [...(world.tally.get(id) ?? [])].sort(([a], [b]) => a - b);
      t.comment(`fuzzed ${id}: ${seen.map(([status, times]) => `${times} × ${status}`).join(', ')}`);
      t.ok(
        seen.some(([status]) => status < 300),
        `${id} succeeded`,
      );
      t.ok(
        seen.some(([status]) => status >= 400),
        `${id} refused`,
      );
    }
    const share = operations.map(requestsTo).reduce((a, b) => a + b, 0);
    t.comment(`fuzzed ${part}: ${world.requests} requests with FUZZ_SEED=${FUZZ_SEED}`);
    t.ok(world.requests >= share, `${world.requests} requests, of ${share} at least`);
  });
}

/** Which rules that the document has in words this request breaks. */
export function brokenRules(
  { takes, bodyLimit = 0 }: FuzzedOperation,
  rules: DocumentedRule[],
  { headers, payload }: FuzzedRequest,
): DocumentedRule[] {
  if (payload === undefined) return [];
  const text = String(payload);
  const body = takes === 'form' ? Object.fromEntries(new URLSearchParams(text)) : JSON.parse(text);
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
    (body['error_code'] === undefined || body['error_code'] === code) &&
    (shown === undefined || named.includes(shown));
  if (!isRight) throw new Error(`${status} ${JSON.stringify(body)}, and ${code} ${field ?? ''} was due`);
}

function bodyInOrder({ keeper }: FuzzWorld, operation: FuzzedOperation): Record<string, unknown> {
  const names = Object.keys(operation.body.properties ?? {});
  const values: Record<string, unknown> =
    names.includes('email') && names.includes('name') ? registration() : keeper.values;
  return Object.fromEntries(names.filter((name) => name in values).map((name) => [name, values[name]]));
}

function withoutBody({ method, url, headers }: FuzzedRequest): FuzzedRequest {
  return { method, url, headers };
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
