// Builds dist/ from src/: all of it or nothing. A failed or a parallel build never leaves a half dist behind.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));

const at = (...parts) => path.join(root, ...parts);
const hashFile = path.join('dist', '.inputs');

function filesUnder(folder) {
  return readdirSync(at(folder), { withFileTypes: true })
    .flatMap((entry) => {
      const name = path.join(folder, entry.name);
      return entry.isDirectory() ? filesUnder(name) : [name];
    })
    .sort();
}

/** A hash of all that a build is made of. */
export function hashInputs() {
  const settings = readdirSync(root).filter((name) => /^tsconfig.*\.json$/.test(name));
  const hash = createHash('sha256');
  for (const name of [...filesUnder('src'), ...settings.sort(), 'package-lock.json', 'scripts/build.mjs']) {
    const content = readFileSync(at(name));
    hash.update(`${name.split(path.sep).join('/')}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** True when dist/ was made of what is there now. */
export function isBuilt() {
  return existsSync(at(hashFile)) && readFileSync(at(hashFile), 'utf8') === hashInputs();
}

/** Gives the exit code of the compiler, or 0. */
export function build() {
  const hash = hashInputs();
  // Beside dist, so that renaming works and the paths in the source maps are right.
  const next = at(`.dist-${process.pid}`);
  removeLeftovers();
  try {
    mkdirSync(path.join(next, 'assets'), { recursive: true });
    // Not even git sees the folder, however the build ends.
    writeFileSync(path.join(next, '.gitignore'), '*\n');
    const compiler = at('node_modules', 'typescript', 'bin', 'tsc');
    const args = [compiler, '-p', at('tsconfig.build.json'), '--outDir', next];
    const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
    if (status !== 0) return status ?? 1;
    copyAssets(next);
    writeFileSync(path.join(next, '.inputs'), hash);
    swap(next);
    return 0;
  } finally {
    rmSync(next, { recursive: true, force: true });
  }
}

function copyAssets(next) {
  for (const name of filesUnder('src').filter((file) => !/\.[cm]?tsx?$/.test(file))) {
    const target = path.join(next, path.relative('src', name));
    mkdirSync(path.dirname(target), { recursive: true });
    copyFileSync(at(name), target);
  }
  // The one file of redoc that is served: images for production then need not carry the package.
  const redoc = at('node_modules', 'redoc', 'bundles', 'redoc.standalone.js');
  copyFileSync(redoc, path.join(next, 'assets', 'redoc.standalone.js'));
}

function swap(next) {
  const old = `${next}-old`;
  for (let attempt = 1; ; attempt++) {
    if (existsSync(at('dist'))) renameOver(at('dist'), old);
    try {
      renameSync(next, at('dist'));
      break;
    } catch (error) {
      // Another build was faster by a moment; the last one stays.
      if (attempt === 20) throw error;
    }
  }
  rmSync(old, { recursive: true, force: true });
}

function renameOver(from, to) {
  rmSync(to, { recursive: true, force: true });
  try {
    renameSync(from, to);
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
}

function removeLeftovers() {
  for (const name of readdirSync(root)) {
    const pid = /^\.dist-(\d+)(-old)?$/.exec(name)?.[1];
    if (pid && !isAlive(Number(pid))) rmSync(at(name), { recursive: true, force: true });
  }
}

/** True while a process of this id runs, whoever owns it. */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = build();
