import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isAlive, servesFolder } from './process.ts';

/** What a running Postgres says about itself in its postmaster.pid. */
export interface Postmaster {
  pid: number;
  port: number;
  status: string;
}

/** The Postgres that runs in this data folder (its real path), or undefined when none does. */
export function findPostmaster(data: string): Postmaster | undefined {
  const lines = readPidFile(data);
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 1 || !isAlive(pid) || !servesFolder(pid, data)) return undefined;
  // Line 4 is the port and line 8 the status (src/include/utils/pidfile.h); both come a little after the pid.
  return { pid, port: Number(lines[3]), status: (lines[7] ?? '').trim() };
}

/**
 * After a crash the file names a dead process, which Postgres sees for itself; but when the id has gone to another
 * program of the same user, or nobody has reaped the dead, it takes that for itself and refuses to start. The file
 * must stay: its shared memory id is how Postgres notices children that outlived their postmaster.
 */
export function forgetDeadPostmaster(data: string): void {
  const lines = readPidFile(data);
  if (lines.length === 0 || findPostmaster(data)) return;
  const file = path.join(data, 'postmaster.pid');
  // No system gives out this id.
  rmSync(`${file}.stale`, { force: true });
  writeFileSync(`${file}.stale`, ['2147483647', ...lines.slice(1)].join('\n'), { flag: 'wx', mode: 0o644 });
  renameSync(`${file}.stale`, file);
}

function readPidFile(data: string): string[] {
  try {
    return readFileSync(path.join(data, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return [];
  }
}
