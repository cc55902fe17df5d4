// Runs before "npm start" and "npm test": installs and builds what is missing or stale, so that each of them
// works as the first command after a clone. Says nothing and takes no time when there is nothing to do.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { build, isAlive, isBuilt, root } from './build.mjs';

const at = (...parts) => path.join(root, ...parts);
const say = (message) => console.log(`gatehouse: ${message}`);
const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));
// What is left out by "npm ci --omit=dev" is not missed by a production start of what is built already.
const forProduction = process.env.NODE_ENV === 'production' && process.env.npm_lifecycle_event === 'prestart';

function checkNode() {
  const wanted = readJson(at('package.json')).engines.node.replace('>=', '');
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [wantedMajor, wantedMinor = 0] = wanted.split('.').map(Number);
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  console.error(`gatehouse: Node ${wanted} or newer is needed, and this is ${process.versions.node}.`);
  process.exit(1);
}

function isPrepared() {
  const built = isBuilt();
  return built && isInstalled({ dev: !forProduction });
}

function prepare() {
  if (!isInstalled({ dev: !(forProduction && isBuilt()) })) install();
  if (isBuilt()) return;
  say(existsSync(at('dist')) ? 'building, as the sources have changed' : 'building');
  const code = build();
  if (code !== 0) fail('the build failed, see above', code);
}

/** Does node_modules hold what package-lock.json says? npm notes what it installed in a lockfile of the same form. */
function isInstalled({ dev }) {
  const notes = at('node_modules', '.package-lock.json');
  if (!existsSync(notes)) return false;
  const { '': _root, ...wanted } = readJson(at('package-lock.json')).packages;
  const found = readJson(notes).packages;
  for (const [name, entry] of Object.entries(found)) {
    const { version, integrity = entry.integrity } = wanted[name] ?? {};
    const same = version === entry.version && integrity === entry.integrity;
    if (!same || !statSync(at(name), { throwIfNoEntry: false })) return false;
  }
  const missing = Object.keys(wanted).filter((name) => !(name in found));
  return missing.every((name) => mayMiss(wanted[name], dev));
}

function mayMiss(entry, dev) {
  if (!dev && (entry.dev || entry.devOptional)) return true;
  // Optional packages are left out for another system; or when they fail to install, which trying again won't mend.
  return Boolean(entry.optional) && (!fits(entry) || readStamp() === stamp());
}

function fits({ os, cpu, libc }) {
  const allows = (list, value) =>
    !list || list.includes(value) || (list[0].startsWith('!') && !list.includes(`!${value}`));
  return allows(os, process.platform) && allows(cpu, process.arch) && (!libc || libc.includes(libcName()));
}

let knownLibc;
function libcName() {
  process.report.excludeNetwork = true;
  knownLibc ??= process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl';
  return knownLibc;
}

let knownStamp;
function stamp() {
  knownStamp ??= [
    createHash('sha256')
      .update(readFileSync(at('package-lock.json')))
      .digest('hex'),
    process.platform,
    process.arch,
  ].join(' ');
  return knownStamp;
}

function readStamp() {
  const file = at('node_modules', '.gatehouse-installed');
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

function install() {
  const why = existsSync(at('node_modules')) ? 'is not what package-lock.json says' : 'is not there';
  say(`installing packages (npm ci), as node_modules ${why}`);
  // NODE_ENV=production makes npm leave out what the build needs, unless told otherwise.
  const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund'];
  const npm = process.env.npm_execpath ?? '';
  const { status, error } = /npm-cli\.[cm]?js$/.test(npm)
    ? spawnSync(process.execPath, [npm, ...args], { cwd: root, stdio: 'inherit' })
    : spawnSync('npm', args, { cwd: root, stdio: 'inherit', shell: process.platform === 'win32' });
  if (status !== 0) fail(`npm ci failed${error ? ` (${error.message})` : ', see above'}`, status ?? 1);
  writeFileSync(at('node_modules', '.gatehouse-installed'), stamp());
}

/** One prepare at a time; one that had to wait finds the work done. */
async function underLock(work) {
  const lock = at('.data', 'prepare.lock');
  mkdirSync(path.dirname(lock), { recursive: true });
  for (let told = false; !createExclusively(lock, String(process.pid)); ) {
    if (removeIfAbandoned(lock)) continue;
    if (!told) say('waiting for another start to finish its preparations');
    told = true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  process.on('exit', () => rmSync(lock, { force: true }));
  // A signal goes to the whole foreground group, npm and tsc included: end when they have, and remove the lock.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));
  work();
}

function createExclusively(file, text) {
  try {
    writeFileSync(file, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function isAbandoned(lock) {
  const stats = statSync(lock, { throwIfNoEntry: false });
  if (!stats) return false;
  const pid = Number(existsSync(lock) ? readFileSync(lock, 'utf8') : 0);
  // Empty: about to be filled, unless it is old. An id that was given to another program: nothing takes so long.
  const age = Date.now() - stats.mtimeMs;
  return pid === 0 ? age > 2_000 : !isAlive(pid) || age > 1_800_000;
}

/** Only one process at a time may remove the lock: otherwise a second could remove what the first made since. */
function removeIfAbandoned(lock) {
  if (!isAbandoned(lock)) return false;
  const breaker = `${lock}.break`;
  if (!createExclusively(breaker, '')) {
    const stats = statSync(breaker, { throwIfNoEntry: false });
    if (stats && Date.now() - stats.mtimeMs > 5_000) rmSync(breaker, { force: true });
    return false;
  }
  if (isAbandoned(lock)) rmSync(lock, { force: true });
  rmSync(breaker, { force: true });
  return true;
}

function fail(message, code) {
  console.error(`gatehouse: ${message}`);
  process.exit(code);
}

checkNode();
// A production image holds dist/ and nothing to build it from.
if (existsSync(at('src')) && !isPrepared()) await underLock(prepare);
