import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';

/** True while a process of this id runs, whoever owns it. A zombie is dead: only its parent has not looked yet. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return statFields(pid)?.[0] !== 'Z';
}

/**
 * When the process was born, in an opaque form that is the same each time it is asked for: with the id it names
 * one process for good, ids being used again. Empty where the system does not tell.
 */
export function birthOf(pid: number): string {
  // proc(5): starttime, field 22, in clock ticks since boot; the state is field 3.
  return statFields(pid)?.[19] ?? askPs(pid, 'lstart=');
}

/** True when the process is a Postgres that runs in this data folder (its real path). */
export function servesFolder(pid: number, data: string): boolean {
  try {
    // The working folder of a postmaster is its data, even after somebody has renamed a folder above it.
    return readlinkSync(`/proc/${pid}/cwd`) === data;
  } catch {
    // Not Linux, or a container without CAP_SYS_PTRACE; the command line is open to everybody.
    return commandOf(pid).includes(data);
  }
}

/** Resolves to true as soon as `condition` holds, to false when it did not within `milliseconds`. */
export async function waitUntil(condition: () => boolean, milliseconds: number): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  while (!condition()) {
    if (performance.now() > deadline) return false;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return true;
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
  } catch {
    return askPs(pid, 'command=');
  }
}

function statFields(pid: number): string[] | undefined {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets, and may itself hold spaces and brackets.
    return line.slice(line.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

function askPs(pid: number, column: string): string {
  if (process.platform === 'linux' || process.platform === 'win32') return '';
  try {
    return execFileSync('ps', ['-ww', '-o', column, '-p', String(pid)], {
      encoding: 'utf8',
      env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return '';
  }
}
