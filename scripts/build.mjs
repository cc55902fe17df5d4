// Builds dist/ from src/, elsewhere first: a failed or interrupted build leaves the old dist/, which counts as stale.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import * as fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

const at = (...parts) => path.join(root, ...parts);
const read = (...parts) => fs.readFileSync(at(...parts), 'utf8');
// ReDoc shows this at the foot of its menu, and has no option to turn it off
const foreignLogo = 'https://cdn.redoc.ly/redoc/logo-mini.svg';

function hashInputs() {
  const sources = fs
    .readdirSync(at('src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)));
  const settings = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.mjs'];
  const inputs = [...sources.sort(), ...settings].map((name) => [name, read(name)]);
  return createHash('sha256').update(JSON.stringify(inputs)).digest('hex');
}

/** True when dist/ was built from the present sources. */
export function isBuilt() {
  return fs.existsSync(at('dist', '.inputs')) && read('dist', '.inputs') === hashInputs();
}

/** Ends the process when the build fails. */
export async function build() {
  const inputs = hashInputs();
  const next = at('.dist-next');
  fs.rmSync(next, { recursive: true, force: true });
  const argv = ['-p', at('tsconfig.build.json'), '--outDir', next];
  // A thread, not a process: that would go on writing after this one was killed
  const [code] = await once(new Worker(at('node_modules/typescript/lib/tsc.js'), { argv }), 'exit');
  if (code !== 0) fail('the build failed, see above');

  // The one file of redoc that is served, so that production does without the package
  const redoc = read('node_modules/redoc/bundles/redoc.standalone.js');
  if (!redoc.includes(foreignLogo))
    fail(`ReDoc no longer loads ${foreignLogo}; find out what it loads instead`);
  fs.mkdirSync(path.join(next, 'assets'));
  fs.writeFileSync(path.join(next, 'assets/redoc.standalone.js'), redoc.replaceAll(foreignLogo, 'data:,'));

  fs.writeFileSync(path.join(next, '.inputs'), inputs);
  fs.rmSync(at('dist'), { recursive: true, force: true });
  fs.renameSync(next, at('dist'));
}

/** Waits until no other process installs or builds in this checkout. Held until this process ends. */
export async function lock() {
  const file = at('.data/prepare.lock');
  fs.mkdirSync(path.dirname(file), { recursive: true });
  for (let told = false; !createLock(file); told = true) {
    // Removed first, taken 100 ms later: long enough for another who found it abandoned to have removed it too
    if (isAbandoned(file)) fs.rmSync(file, { force: true });
    else if (!told) console.log(`gatehouse: waiting for another start to finish (its lock is ${file})`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  process.on('exit', () => fs.rmSync(file, { force: true }));
  // Without a handler a signal would end this process, and the lock, before the npm that it waits for
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => process.exit(1));
}

function createLock(file) {
  try {
    fs.writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

function isAbandoned(file) {
  try {
    process.kill(Number(fs.readFileSync(file, 'utf8')), 0);
    // The id may be another program's by now: no installation takes half an hour
    return Date.now() - fs.statSync(file).mtimeMs > 1_800_000;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

export function fail(message) {
  console.error(`gatehouse: ${message}`);
  process.exit(1);
}

if (fs.realpathSync(process.argv[1] ?? '.') === fileURLToPath(import.meta.url)) {
  await lock();
  await build();
}
