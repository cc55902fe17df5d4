import { chmodSync, chownSync, lstatSync, mkdirSync, readdirSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { type Account, canReach } from './account.ts';
import { EmbeddedPostgresError, useYourOwn } from './error.ts';

/** Where root keeps what `account` must reach, when it cannot reach the repository. */
export const systemShelters = ['/var/lib/gatehouse-dev', '/var/tmp/gatehouse-dev'] as const;

/**
 * The first of these folders that can be used, made if need be. Whatever lies in it is run or trusted later, so
 * it must be root's alone: /var/tmp is open to everybody, who could have put a folder of their own there.
 */
export function openShelter(candidates: readonly string[], account: Account): string {
  for (const candidate of candidates) {
    try {
      const made = mkdirSync(candidate, { recursive: true, mode: 0o711 });
      // The mode given to mkdir is subject to the umask.
      if (made !== undefined) chmodSync(candidate, 0o711);
      const stats = lstatSync(candidate);
      const shelter = realpathSync(candidate);
      const trusted = stats.isDirectory() && stats.uid === process.getuid?.() && (stats.mode & 0o022) === 0;
      if (trusted && canReach(shelter, account)) return shelter;
    } catch {
      // Read-only or not there: try the next.
    }
  }
  throw new EmbeddedPostgresError(
    `${account.name}, the user to run Postgres as, can reach neither this repository nor ${candidates.join(' or ')}`,
    `put the repository where everybody may enter, start Gatehouse as an ordinary user, or ${useYourOwn}`,
  );
}

/** Lets everybody read, and nobody but its owner write, a folder and all it holds, whatever the umask was. */
export function openToAll(target: string): void {
  const stats = lstatSync(target);
  if (stats.isSymbolicLink()) return;
  chmodSync(target, stats.isDirectory() || stats.mode & 0o100 ? 0o755 : 0o644);
  if (stats.isDirectory()) for (const name of readdirSync(target)) openToAll(path.join(target, name));
}

/** Gives a folder and all it holds to the account. */
export function giveTo(target: string, account: Account): void {
  const stats = lstatSync(target);
  if (stats.isSymbolicLink()) return;
  chownSync(target, account.uid, account.gid);
  if (stats.isDirectory()) for (const name of readdirSync(target)) giveTo(path.join(target, name), account);
}
