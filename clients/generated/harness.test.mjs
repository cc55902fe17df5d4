import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { choose, faultsOf, findGenerators, missingPrograms } from './generators.mjs';
import { checkNames } from './names.mjs';
import { commandsOfReadme } from './readme.mjs';
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

test('a missing program is noticed', () => {
  assert.deepEqual(missingPrograms({ needs: ['node', 'no-such-program'] }), ['no-such-program']);
  assert.deepEqual(missingPrograms({ needs: [] }), []);
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
