import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';

const here = path.dirname(fileURLToPath(import.meta.url));
const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/**
 * Starts a headless Chromium for which `hosts`, and all names below them, are this machine and nothing else of the
 * network exists but localhost. Says on stdout which Chromium it took.
 *
 * @param {{ hosts?: string[] }} options
 * @returns {Promise<import('playwright-core').Browser>}
 * @throws {Error} when no Chromium runs here; the message says what to do
 */
export async function launch({ hosts = ['gatehouse.test'] } = {}) {
  const found = await findChromium();
  const browser = await chromium.launch({
    executablePath: found.file,
    env: { ...process.env, ...found.env },
    // Playwright starts it without a sandbox, which root and containers cannot have: it opens pages of ours alone
    args: [
      '--disable-gpu',
      // A proxy of the environment would resolve names in place of the rules
      '--no-proxy-server',
      `--host-resolver-rules=${resolverRules(hosts)}`,
    ],
  });
  console.log(`Chromium ${browser.version()}, ${found.origin}: ${found.file}`);
  return browser;
}

// The first rule that matches a name counts, exclusions before all. They hold for addresses as well as names.
function resolverRules(hosts) {
  const ours = hosts.flatMap((host) => [`MAP ${host} 127.0.0.1`, `MAP *.${host} 127.0.0.1`]);
  return [...ours, 'MAP * ~NOTFOUND', 'EXCLUDE localhost'].join(', ');
}

/**
 * The Chromium that CHROMIUM_PATH names, else the first on PATH that runs, else the one in the packages.
 *
 * @returns {Promise<{ file: string, origin: string, env?: Record<string, string> }>} `env` is what it needs besides
 */
export async function findChromium({ CHROMIUM_PATH, PATH = '' } = process.env) {
  if (CHROMIUM_PATH) {
    if (!runs(CHROMIUM_PATH)) throw new Error(`CHROMIUM_PATH is ${CHROMIUM_PATH}, which does not run`);
    return { file: CHROMIUM_PATH, origin: 'by CHROMIUM_PATH' };
  }
  const folders = PATH.split(path.delimiter).filter(path.isAbsolute);
  const onPath = folders
    .flatMap((folder) => names.map((name) => path.join(folder, name)))
    .find((file) => existsSync(file) && runs(file));
  if (onPath) return { file: onPath, origin: 'on PATH' };

  const platform = `${process.platform}-${process.arch}`;
  if (platform !== 'linux-x64')
    throw new Error(`No Chromium on PATH, and the packages hold none for ${platform}: set CHROMIUM_PATH`);
  return packagedChromium();
}

// Where Chromium is not installed, Ubuntu has a script of this name that says so and fails
function runs(file) {
  return spawnSync(file, ['--version']).status === 0;
}

async function packagedChromium() {
  const { version } = JSON.parse(
    readFileSync(path.join(here, 'node_modules/@sparticuz/chromium/package.json')),
  );
  const folder = path.join(here, 'node_modules/.cache', `chromium-${version}`);
  if (!existsSync(folder)) await unpack(folder);
  const file = path.join(folder, 'chromium');
  // Its own libraries and font, which a machine without a desktop does not have
  const env = { LD_LIBRARY_PATH: path.join(folder, 'al2023/lib'), XDG_DATA_HOME: path.join(folder, 'fonts') };
  const { status, stderr } = spawnSync(file, ['--version'], { env: { ...process.env, ...env } });
  if (status !== 0)
    throw new Error(
      `No Chromium on PATH, and the packaged one does not run here: ${stderr}; set CHROMIUM_PATH`,
    );
  return { file, origin: 'from the packages', env };
}

/** Elsewhere first, so that neither an interrupted run nor one at the same time leaves half a browser. */
async function unpack(folder) {
  mkdirSync(path.dirname(folder), { recursive: true });
  const next = mkdtempSync(`${folder}-`);
  const script = "import chromium from '@sparticuz/chromium'; await chromium.executablePath();";
  await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], {
    cwd: here,
    // It unpacks into the temporary folder, and its libraries only where it believes to be on that service
    env: { ...process.env, TMPDIR: next, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs22.x' },
  });
  try {
    renameSync(next, folder);
  } catch (error) {
    rmSync(next, { recursive: true });
    if (!existsSync(folder)) throw error;
  }
}
