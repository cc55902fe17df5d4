import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { choose, faultsOf, findGenerators } from './generators.mjs';
import { checkNames } from './names.mjs';
import { unmet } from './needs.mjs';
import { exitCode, runOne, table } from './outcomes.mjs';
import { commandsOfReadme, readmeOrigin } from './readme.mjs';
import { newExec, StepFailed } from './steps.mjs';

const generators = await findGenerators();

test('the README has the command of each generator, word for word, and no other', () => {
  const written = commandsOfReadme();
  assert.ok(written.length >= 6);
  assert.deepEqual(faultsOf(generators, written), []);
  assert.deepEqual(faultsOf(generators, [...written, 'npx other']), [
    'nothing runs this line of the README: npx other',
  ]);
  assert.deepEqual(faultsOf(generators, written.slice(1)), [`the README lacks: ${written[0]}`]);
});

test('a command names the version that package.json pins', () => {
  const command = 'npx --yes orval@1.0.0 --output x';
  const other = { name: 'orval', version: '7.13.2', command };
  assert.deepEqual(faultsOf([other], [command]), [
    'the command of orval does not say 7.13.2',
    `package.json has another version: ${command}`,
  ]);
});

test('each generator has the name of its folder, and can be asked for by it', () => {
  for (const generator of generators) assert.deepEqual(choose(generators, [generator.name]), [generator]);
  assert.deepEqual(choose(generators, []), generators);
  assert.throws(() => choose(generators, ['orval', 'nothing']), /no generator nothing; there are .*orval/);
});

test('what a generator needs has to answer, and be new enough', () => {
  const node = { what: 'node', probe: ['node', '--version'], version: /v(\d+)/ };
  const needs = [
    { ...node, least: 20 },
    { ...node, what: 'a newer node', least: 1000 },
    { ...node, what: 'a node that tells its version', version: /none/, least: 1 },
    { what: 'nothing', probe: ['no-such-program'] },
    // As the java of macOS is where there is none
    { what: 'a stub', probe: ['node', '-e', 'process.exit(1)'] },
    { what: 'the folder', probe: ['node', './generator.mjs'] },
  ];
  const wanting = ['a newer node', 'a node that tells its version', 'nothing', 'a stub'];
  assert.deepEqual(unmet(needs, path.join(import.meta.dirname, 'orval')), wanting);
  assert.deepEqual(unmet([], tmpdir()), []);
});

const fake = (name, run, needs = []) => ({
  name,
  version: '1',
  language: 'L',
  needs,
  command: `echo ${readmeOrigin}`,
  run,
});
const fakes = {
  passes: fake('passes', async ({ command, origin, exec }) =>
    assert.equal(await exec('generate', command), `${origin}\n`),
  ),
  fails: fake('fails', ({ exec }) => exec('compile', 'echo why; exit 3')),
  throws: fake('throws', () => assert.equal(1, 2)),
  isSkipped: fake('is-skipped', () => assert.fail('it ran'), [{ what: 'Cobol', probe: ['no-such-program'] }]),
};

/** What becomes of these generators, and what was said meanwhile. */
async function outcomesOf(t, ...chosen) {
  const output = mkdtempSync(path.join(tmpdir(), 'gatehouse-clients-'));
  t.after(() => rmSync(output, { recursive: true }));
  const said = [];
  for (const name of ['log', 'error']) t.mock.method(console, name, (line) => said.push(line));
  const options = { origin: 'http://127.0.0.1:1', output, stopped: new AbortController().signal };
  const outcomes = [];
  for (const generator of chosen) outcomes.push(await runOne(generator, options));
  t.mock.restoreAll();
  return { outcomes, said: said.join('\n') };
}

test('a generator that fails makes the run fail, and is said to', async (t) => {
  for (const failing of [fakes.fails, fakes.throws]) {
    const { outcomes, said } = await outcomesOf(t, failing, fakes.passes);
    assert.deepEqual(
      outcomes.map(({ result }) => result),
      ['failed', 'passed'],
    );
    assert.match(
      said,
      failing === fakes.fails ? /failed: fails: compile: .*\nended with 3\nwhy/ : /failed: throws: /,
    );
    assert.equal(exitCode(outcomes, { strict: false }), 1);
    assert.match(table(outcomes), /1 passed, 1 failed, 0 skipped$/);
  }
});

test('a generator that is skipped is said to be, and fails a strict run alone', async (t) => {
  const { outcomes, said } = await outcomesOf(t, fakes.isSkipped, fakes.passes);
  assert.deepEqual(
    outcomes.map(({ result }) => result),
    ['skipped', 'passed'],
  );
  assert.match(said, /^skipped: is-skipped: needs Cobol$/m);
  assert.match(table(outcomes), /is-skipped 1 .*skipped: needs Cobol\n/);
  assert.match(table(outcomes), /1 passed, 0 failed, 1 skipped$/);
  assert.equal(exitCode(outcomes, { strict: false }), 0);
  assert.equal(exitCode(outcomes, { strict: true }), 1);
});

test('a run in which all pass succeeds, strict or not', async (t) => {
  const { outcomes } = await outcomesOf(t, fakes.passes);
  for (const strict of [false, true]) assert.equal(exitCode(outcomes, { strict }), 0);
});

test('names that say nothing are refused, and so are missing ones', () => {
  const declaration = {
    type: (name) => new RegExp(`type ${name}\\b`),
    operation: (name) => new RegExp(`function ${name}\\b`),
  };
  const types = 'User TokenPair ErrorResponse ErrorCode FieldError Credentials RegisterUserRequest'.split(
    ' ',
  );
  const operations = 'registerUser login getMe refreshToken logout listSessions endSession'.split(' ');
  const good = [...types.map((name) => `type ${name}`), ...operations.map((name) => `function ${name}`)].join(
    '\n',
  );
  checkNames(good, declaration);
  for (const name of [
    'Def0',
    'def-3',
    'InlineObject',
    'GetMe200Response',
    'User2',
    'Body_1',
    'AnonymousType',
  ]) {
    assert.throws(() => checkNames(`${good}\ntype ${name}`, declaration), /says nothing/, name);
  }
  assert.throws(() => checkNames(good.replace('type User\n', ''), declaration), /nothing is called User/);
  assert.throws(
    () => checkNames(good.replace('function getMe\n', ''), declaration),
    /nothing is called getMe/,
  );
});

test('a step that fails shows what it wrote, one that succeeds gives it', async () => {
  const { exec, steps } = newExec(tmpdir(), new AbortController().signal);
  assert.equal(await exec('say', 'echo $WORD', { env: { WORD: 'yes' } }), 'yes\n');
  const failure = exec('fail', 'echo out; echo err >&2; exit 3');
  await assert.rejects(
    failure,
    (error) => error instanceof StepFailed && /ended with 3\nout\nerr/.test(error.message),
  );
  assert.deepEqual(
    steps.map(({ name }) => name),
    ['say', 'fail'],
  );
});

test('a step that is stopped ends with all that it started', async () => {
  const controller = new AbortController();
  const { exec } = newExec(tmpdir(), controller.signal);
  const began = performance.now();
  setTimeout(() => controller.abort(), 200);
  await assert.rejects(exec('sleep', 'sleep 60; true'), /ended with SIGKILL/);
  assert.ok(performance.now() - began < 30_000);
});
