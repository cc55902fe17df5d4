import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import typescript from 'typescript';
import { serviceForTests } from './support/service.mjs';

const run = promisify(execFile);
const service = serviceForTests();
const root = fileURLToPath(new URL('..', import.meta.url));
const examples = examplesOf('README.md');

function examplesOf(readme) {
  const text = readFileSync(path.join(root, readme), 'utf8');
  return [...text.matchAll(/```ts( browser)?\n([\s\S]*?)```/g)].map(([, browser, source]) => ({
    source,
    inBrowser: browser !== undefined,
  }));
}

/** A folder in which the package is found by its name. */
function folderWithPackage(t) {
  mkdirSync(path.join(root, 'node_modules/.cache'), { recursive: true });
  const folder = mkdtempSync(path.join(root, 'node_modules/.cache/readme-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(path.join(folder, 'node_modules/@gatehouse'), { recursive: true });
  symlinkSync(root, path.join(folder, 'node_modules/@gatehouse/client'));
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  return folder;
}

test('the examples are sound TypeScript', async (t) => {
  const all = [...examples, ...examplesOf('../../README.md')];
  assert.equal(all.length, 4);
  const folder = folderWithPackage(t);
  const files = all.map(({ source }, index) => {
    writeFileSync(path.join(folder, `example-${index}.ts`), source);
    return `example-${index}.ts`;
  });
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  const options = [
    '--strict',
    '--noEmit',
    '--module',
    'nodenext',
    '--target',
    'es2022',
    '--lib',
    'es2022,dom',
  ];
  await run(process.execPath, [tsc, ...options, ...files], { cwd: folder }).catch(({ stdout }) =>
    assert.fail(stdout),
  );
});

test('they run as they are written', async (t) => {
  const folder = folderWithPackage(t);
  const printed = [];
  for (const { source } of examples.filter(({ inBrowser }) => !inBrowser)) {
    const compilerOptions = { module: typescript.ModuleKind.ESNext, target: typescript.ScriptTarget.ES2022 };
    const { outputText } = typescript.transpileModule(source, { compilerOptions });
    const file = path.join(folder, 'example.mjs');
    writeFileSync(file, outputText.replaceAll('http://127.0.0.1:8000', service.origin));
    const { stdout } = await run(process.execPath, [file]);
    printed.push(...stdout.trim().split('\n'));
  }
  assert.deepEqual(printed, [
    'Ada says nothing about herself',
    'password must be at least 8 characters long',
    'Welcome',
    'You have an account already: log in',
  ]);
});
