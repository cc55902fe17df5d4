// Runs before npm start, npm test and the like: installs and builds what is missing or stale, so that each of them
// works as the first command after a clone. Silent and quick when there is nothing to do.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build, fail, isBuilt, lock, root } from './build.mjs';

const at = (name) => path.join(root, name);
const read = (name) => readFileSync(at(name), 'utf8');
// npm's record of what it installed, in the form of package-lock.json
const record = 'node_modules/.package-lock.json';
const stamp = 'node_modules/.gatehouse-installed';

// Commands that need nothing but dist/ and the packages of "npm ci --omit=dev"
const { NODE_ENV, npm_lifecycle_event } = process.env;
const runsOnly = NODE_ENV === 'production' && ['prestart', 'premigrate'].includes(npm_lifecycle_event);

function checkNode() {
  const wanted = JSON.parse(read('package.json')).engines.node.replace('>=', '');
  const isOlder = process.versions.node.localeCompare(wanted, 'en', { numeric: true }) < 0;
  if (isOlder) fail(`Node ${wanted} or newer is needed, and this is ${process.versions.node}`);
}

/** True when node_modules holds the packages of package-lock.json and no others. */
function isInstalled() {
  if (!existsSync(at(record))) return false;
  const found = JSON.parse(read(record)).packages;
  const { '': _root, ...wanted } = JSON.parse(read('package-lock.json')).packages;
  if (!Object.keys(found).every((name) => name in wanted && existsSync(at(name)))) return false;
  // An optional package that our own npm ci could not install is not tried again
  if (existsSync(at(stamp)) && read(stamp) === installation()) return true;
  const lean = runsOnly && isBuilt();
  return Object.entries(wanted).every(([name, entry]) =>
    found[name] ? found[name].version === entry.version : mayMiss(entry, lean),
  );
}

function mayMiss({ dev, devOptional, optional, os, cpu, libc }, lean) {
  if (lean) return Boolean(dev || devOptional || optional);
  const isForeign = libc || (os && !os.includes(process.platform)) || (cpu && !cpu.includes(process.arch));
  return Boolean(optional && isForeign);
}

/** Changes with the lockfile, with what npm has installed since, and with the kind of machine. */
function installation() {
  const parts = [process.platform, process.arch, read('package-lock.json'), read(record)];
  return createHash('sha256').update(parts.join('\n')).digest('hex');
}

function install() {
  console.log(
    'gatehouse: installing packages with npm ci, as node_modules is not what package-lock.json says',
  );
  // NODE_ENV=production would leave out what the build needs
  const options = { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' };
  const { status, error } = spawnSync('npm', ['ci', '--include=dev', '--include=optional'], options);
  if (status !== 0) fail(`npm ci failed${error ? `: ${error.message}` : ', see above'}`);
  writeFileSync(at(stamp), installation());
}

async function prepare() {
  // A production image holds dist/ and nothing to build it from
  if (!existsSync(at('src')) || (isBuilt() && isInstalled())) return;
  await lock();
  // Another process may have done the work while this one waited
  if (!isInstalled()) install();
  if (isBuilt()) return;
  console.log('gatehouse: building');
  await build();
}

checkNode();
prepare().catch((error) => {
  const isForbidden = ['EACCES', 'EPERM', 'EROFS'].includes(error.code);
  fail(isForbidden ? `${root} cannot be written (${error.message}): run this as its owner` : error.stack);
});
