import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { serviceForTests } from './support/service.mjs';

const run = promisify(execFile);
const service = serviceForTests();
const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (name) => path.join(root, 'node_modules', name);
let folder;
let tarball;

before(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-client-'));
  const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
  });
  const [{ filename, files }] = JSON.parse(stdout);
  tarball = { file: path.join(folder, filename), files: files.map((file) => file.path) };
});

after(() => rmSync(folder, { recursive: true }));

test('the package holds what it needs and no more', () => {
  const other = tarball.files.filter((file) => !/^dist\/[a-z-]+\.(js|d\.ts)$/.test(file));
  assert.deepEqual(other.sort(), ['LICENSE', 'README.md', 'package.json']);
  const sources = ['gatehouse', 'index', 'schema', 'session'].flatMap((name) => [
    `dist/${name}.js`,
    `dist/${name}.d.ts`,
  ]);
  for (const file of sources) assert.ok(tarball.files.includes(file), file);
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

test('installed in an empty folder it compiles and runs, in Node with no types of a browser', async () => {
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ type: 'module', private: true }));
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', tarball.file], { cwd: folder });
  // No second copy of what is at hand here
  symlinkSync(bin('@types'), path.join(folder, 'node_modules/@types'));
  symlinkSync(bin('undici-types'), path.join(folder, 'node_modules/undici-types'));
  writeFileSync(path.join(folder, 'consumer.ts'), consumer);
  const tsc = ['--strict', '--target', 'es2022', '--types', 'node', '--preserveSymlinks', 'consumer.ts'];
  const ways = [
    ['--module', 'esnext', '--moduleResolution', 'bundler', '--lib', 'es2022,dom', '--noEmit'],
    ['--module', 'nodenext', '--lib', 'es2022,dom', '--noEmit'],
    ['--module', 'nodenext', '--lib', 'es2022', '--skipLibCheck'],
  ];
  for (const way of ways)
    await run(process.execPath, [bin('typescript/bin/tsc'), ...way, ...tsc], { cwd: folder }).catch(
      (error) => {
        assert.fail(`${way.join(' ')}\n${error.stdout}`);
      },
    );
  const { stdout } = await run(process.execPath, ['consumer.js', service.origin], { cwd: folder });
  assert.equal(stdout.trim(), 'Ada 1 SESSION_NOT_FOUND');
});

test('its version in the lockfile is that of the package', () => {
  const read = (name) => JSON.parse(readFileSync(path.join(root, name), 'utf8'));
  assert.equal(read('package-lock.json').version, read('package.json').version);
});
