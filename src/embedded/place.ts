import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from 'node:fs';
import path from 'node:path';
import { type Account, canReach } from './account.ts';
import { EmbeddedPostgresError } from './error.ts';
import { findPostmaster } from './postmaster.ts';
import { giveTo, openShelter } from './shelter.ts';

/**
 * The real path of the folder that holds the data, the password, the log and the ownership file: `directory` itself,
 * or, when `account` cannot reach that, a folder in a shelter with a symlink to it left at `directory`.
 *
 * A fresh clone has no symlink and so starts fresh; the folder of the clone before it stays for whoever wants it.
 */
export function settle(
  directory: string,
  account: Account | undefined,
  shelters: readonly string[],
  onProgress: (message: string) => void,
): string {
  mkdirSync(path.dirname(directory), { recursive: true });
  if (isDangling(directory)) {
    onProgress(`${directory} points at a folder that is gone: starting with an empty database`);
    unlinkSync(directory);
  }
  if (!account) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    return realpathSync(directory);
  }
  if (!existsSync(directory) && canReach(realpathSync(path.dirname(directory)), account)) {
    mkdirSync(directory, { recursive: true });
  }
  if (existsSync(directory)) {
    const home = realpathSync(directory);
    if (canReach(path.dirname(home), account)) {
      // Root's own, so that Postgres cannot lead us astray with links; only `data` in it belongs to the account.
      chmodSync(home, 0o711);
      return home;
    }
  }
  return moveOut(directory, account, shelters, onProgress);
}

function moveOut(
  directory: string,
  account: Account,
  shelters: readonly string[],
  onProgress: (message: string) => void,
): string {
  const hash = createHash('sha256').update(directory).digest('hex').slice(0, 12);
  const shelter = openShelter(shelters, account);
  const name = `${hash}-${randomBytes(4).toString('hex')}`;
  const home = path.join(shelter, name);
  if (existsSync(directory)) {
    const old = realpathSync(directory);
    refuseWhileRunning(path.join(old, 'data'));
    move(old, home, account);
    rmSync(directory, { recursive: true, force: true });
  } else {
    mkdirSync(home);
  }
  chmodSync(home, 0o711);
  try {
    symlinkSync(home, directory);
  } catch (error) {
    // Another process was faster, and what it made is as good.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    rmSync(home, { recursive: true, force: true });
    return realpathSync(directory);
  }
  onProgress(`Keeping the data in ${home}, as ${account.name} cannot reach ${directory} (now a link to it)`);
  return home;
}

function move(from: string, to: string, account: Account): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    const scratch = mkdtempSync(`${to}.`);
    cpSync(from, scratch, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
    for (const name of readdirSync(scratch)) {
      if (name === 'data') giveTo(path.join(scratch, name), account);
    }
    renameSync(scratch, to);
    rmSync(from, { recursive: true, force: true });
  }
}

function refuseWhileRunning(data: string): void {
  const running = findPostmaster(data);
  if (!running) return;
  throw new EmbeddedPostgresError(
    `the data in ${data} must move to a reachable place, but Postgres still runs in it as process ${running.pid}`,
    `stop it first (kill -INT ${running.pid})`,
  );
}

/** A folder that exists but may not be looked at is not gone: its link must stay. */
function isDangling(directory: string): boolean {
  if (!lstatSync(directory, { throwIfNoEntry: false })?.isSymbolicLink()) return false;
  return statSync(directory, { throwIfNoEntry: false }) === undefined;
}
