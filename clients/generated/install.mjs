import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const lockfile = path.join(import.meta.dirname, 'package-lock.json');
const stamp = path.join(import.meta.dirname, 'node_modules', '.gatehouse-installed');

/** Installs the packages of package-lock.json, unless they are what was installed last. */
export function install() {
  const wanted = readFileSync(lockfile, 'utf8');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  console.log('installing the generators with npm ci');
  const { status, error } = spawnSync('npm', ['ci', '--engine-strict', '--ignore-scripts'], {
    cwd: import.meta.dirname,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error(`npm ci failed${error ? `: ${error.message}` : ', see above'}`);
  writeFileSync(stamp, wanted);
}
