import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { serviceForTests } from './support/service.mjs';

const run = promisify(execFile);
const service = serviceForTests();
const root = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
const read = (name) => JSON.parse(readFileSync(path.join(root, name), 'utf8'));
const bin = (name) => path.join(root, 'node_modules', name);
let clone;
let app;
let tarball;

/** The lines of the README, in an app that lies next to a clone in which nothing is installed or built. */
before(async () => {
  clone = mkdtempSync(path.join(tmpdir(), 'gatehouse-client-'));
  app = path.join(clone, 'app');
  mkdirSync(app);
  writeFileSync(path.join(app, 'package.json'), JSON.stringify({ type: 'module', private: true }));
  const absent = ['node_modules', 'dist'].map((name) => path.join(root, name));
  const copied = { recursive: true, filter: (source) => !absent.includes(source) };
  cpSync(root, path.join(clone, 'gatehouse/clients/typescript'), copied);
  const [, lines] = /## Install\n[^#]*?```sh\n([\s\S]*?)```/.exec(readme);
  for (const line of lines.trim().split('\n')) {
    const [command, ...args] = line.split(' ');
    assert.equal(command, 'npm');
    await run(command, [...args, '--prefer-offline'], { cwd: app });
  }
  const file = path.join(app, `gatehouse-client-${read('package.json').version}.tgz`);
  const { stdout } = await run('tar', ['-tzf', file]);
  tarball = {
    file,
    files: stdout
      .trim()
      .split('\n')
      .map((name) => name.replace(/^package\//, '')),
  };
});

after(() => rmSync(clone, { recursive: true }));

test('the package holds what it needs and no more', () => {
  const other = tarball.files.filter((file) => !/^dist\/[a-z-]+\.(js|d\.ts)$/.test(file));
  assert.deepEqual(other.sort(), ['LICENSE', 'README.md', 'package.json']);
  const sources = ['gatehouse', 'index', 'schema', 'session'].flatMap((name) => [
    `dist/${name}.js`,
    `dist/${name}.d.ts`,
  ]);
  for (const file of sources) assert.ok(tarball.files.includes(file), file);
});

test('the README that is in it links to nothing outside of it', () => {
  const targets = [...readme.matchAll(/\]\(([^)]+)\)/g)].map(([, target]) => target);
  assert.ok(targets.length > 0);
  assert.deepEqual(
    targets.filter((target) => !/^(https:\/\/|#)/.test(target)),
    [],
  );
});

test('publint and attw find nothing', async () => {
  await run(process.execPath, [bin('publint/src/cli.js'), 'run', tarball.file, '--strict'], { cwd: root });
  // Modules alone: require() of it works from Node 20.19 on
  const attw = [bin('@arethetypeswrong/cli/dist/index.js'), tarball.file, '--profile', 'esm-only'];
  await run(process.execPath, attw, { cwd: root });
});

const consumer = `
import { createGatehouse, type ErrorCode, GatehouseError, memoryStore, type User } from '@gatehouse/client';

const client = createGatehouse({ baseUrl: process.argv[2] ?? '', store: memoryStore() });
const credentials = { email: 'ada@example.com', password: 'analytical engine' };
await client.register({ name: 'Ada', location: 'London', ...credentials });
await client.login(credentials);
const user: User = await client.me();
const { data } = await client.api.GET('/api/v1/me/sessions');
const code: ErrorCode | 'UNKNOWN' = await client.endSession(999).then(
  () => 'INTERNAL_ERROR' as const,
  (error: unknown) => (error instanceof GatehouseError ? error.errorCode : 'UNKNOWN'),
);
console.log(user.name, data?.sessions.length, code);
`;

test('installed by the lines of the README it compiles and runs, in Node with no types of a browser', async () => {
  // No second copy of what is at hand here
  symlinkSync(bin('@types'), path.join(app, 'node_modules/@types'));
  symlinkSync(bin('undici-types'), path.join(app, 'node_modules/undici-types'));
  writeFileSync(path.join(app, 'consumer.ts'), consumer);
  const tsc = ['--strict', '--target', 'es2022', '--types', 'node', '--preserveSymlinks', 'consumer.ts'];
  const ways = [
    ['--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2022,dom', '--noEmit'],
    ['--module', 'nodenext', '--lib', 'es2022,dom', '--noEmit'],
    ['--module', 'nodenext', '--lib', 'es2022', '--skipLibCheck'],
  ];
  for (const way of ways)
    await run(process.execPath, [bin('typescript/bin/tsc'), ...way, ...tsc], { cwd: app }).catch((error) => {
      assert.fail(`${way.join(' ')}\n${error.stdout}`);
    });
  const { stdout } = await run(process.execPath, ['consumer.js', service.origin], { cwd: app });
  assert.equal(stdout.trim(), 'Ada 1 SESSION_NOT_FOUND');
});

test('its version in the lockfile is that of the package', () => {
  assert.equal(read('package-lock.json').version, read('package.json').version);
});
