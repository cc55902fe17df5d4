import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { EmbeddedPostgresError, useYourOwn } from './error.ts';
import { birthOf, isAlive } from './process.ts';

interface Owner {
  pid: number;
  birth: string;
}

/**
 * Makes this process the only one that uses the folder, until the returned function is called or it dies.
 * @throws EmbeddedPostgresError naming the process that has it
 */
export async function takeOwnership(home: string, directory: string): Promise<() => void> {
  const file = path.join(home, 'owner.json');
  const self = JSON.stringify({ pid: process.pid, birth: birthOf(process.pid) } satisfies Owner);
  for (let attempt = 0; attempt < 1_000; attempt++) {
    if (createExclusively(file, self)) {
      return () => {
        if (readText(file) === self) rmSync(file, { force: true });
      };
    }
    const owner = readOwner(file);
    if (owner && isLiving(owner)) throw inUse(directory, owner);
    if (isAbandoned(file)) removeAbandoned(file);
    await pause(5);
  }
  throw new EmbeddedPostgresError(`${file} cannot be taken over`, 'remove it if no Gatehouse runs here');
}

/** Only one process at a time may remove the file: otherwise a second one could remove what the first made since. */
function removeAbandoned(file: string): void {
  const breaker = `${file}.lock`;
  if (!createExclusively(breaker, '')) {
    // Held for microseconds, unless its holder was killed right there.
    if (ageOf(breaker) > 3_000) rmSync(breaker, { force: true });
    return;
  }
  try {
    if (isAbandoned(file)) rmSync(file, { force: true });
  } finally {
    rmSync(breaker, { force: true });
  }
}

function isAbandoned(file: string): boolean {
  const owner = readOwner(file);
  // Unreadable: its maker is about to fill it, or was killed before it could.
  return owner ? !isLiving(owner) : ageOf(file) > 1_000;
}

function isLiving({ pid, birth }: Owner): boolean {
  if (!isAlive(pid)) return false;
  const now = birthOf(pid);
  return birth === '' || now === '' || birth === now;
}

function readOwner(file: string): Owner | undefined {
  try {
    const { pid, birth }: Partial<Owner> = JSON.parse(readText(file));
    return typeof pid === 'number' && typeof birth === 'string' ? { pid, birth } : undefined;
  } catch {
    return undefined;
  }
}

/** Milliseconds since the file was written; 0 when there is none. */
function ageOf(file: string): number {
  const stats = statSync(file, { throwIfNoEntry: false });
  return stats ? Date.now() - stats.mtimeMs : 0;
}

function createExclusively(file: string, text: string): boolean {
  try {
    writeFileSync(file, text, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function inUse(directory: string, { pid }: Owner): EmbeddedPostgresError {
  const problem =
    pid === process.pid
      ? `${directory} is already in use by this very process (${pid})`
      : `${directory} is in use by another Gatehouse, process ${pid}`;
  return new EmbeddedPostgresError(problem, `stop that one first (kill ${pid}), or ${useYourOwn}`);
}
