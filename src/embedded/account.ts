import { readFileSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';
import { EmbeddedPostgresError, useYourOwn } from './error.ts';

/** The user that Postgres runs as when we are root, which it refuses to run as. */
export interface Account {
  name: string;
  uid: number;
  gid: number;
}

/**
 * The account to run Postgres as, or undefined for our own.
 *
 * Data that exists keeps its owner, so that a clone first used by an ordinary user goes on working as root.
 */
export function accountFor(directory: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const owner = statSync(path.join(directory, 'data'), { throwIfNoEntry: false });
  const accounts = readAccounts();
  if (owner && owner.uid !== 0) {
    const name = accounts.find(({ uid }) => uid === owner.uid)?.name ?? `user ${owner.uid}`;
    return { name, uid: owner.uid, gid: owner.gid };
  }
  // initdb looks its user up by id, so the account must exist: minimal images may have daemon but not nobody.
  for (const wanted of ['nobody', 'daemon']) {
    const account = accounts.find(({ name }) => name === wanted);
    if (account && account.uid !== 0) return account;
  }
  throw new EmbeddedPostgresError(
    'Postgres does not run as root, and /etc/passwd has no user "nobody" to run it as',
    `start Gatehouse as an ordinary user, or ${useYourOwn}`,
  );
}

/** True when `account` may read this file or folder (and enter it), and enter every folder above it. */
export function canReach(target: string, account: Account): boolean {
  for (let folder = path.dirname(target), at = target; ; at = folder, folder = path.dirname(folder)) {
    const stats = statSync(at, { throwIfNoEntry: false });
    const needed = at === target && stats?.isFile() ? 0o4 : 0o1;
    if (!stats || !allows(stats, account, needed)) return false;
    if (folder === at) return true;
  }
}

function allows(stats: Stats, { uid, gid }: Account, needed: number): boolean {
  const shift = stats.uid === uid ? 6 : stats.gid === gid ? 3 : 0;
  return ((stats.mode >> shift) & needed) === needed;
}

function readAccounts(): Account[] {
  let text = '';
  try {
    text = readFileSync('/etc/passwd', 'utf8');
  } catch {
    return [];
  }
  return text.split('\n').flatMap((line) => {
    const [name, , uid, gid] = line.split(':');
    // macOS writes nobody as -2, which chown(2) knows as 4294967294.
    return name && uid && gid ? [{ name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }] : [];
  });
}
