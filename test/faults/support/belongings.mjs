import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { birthOf } from '../../../dist/embedded/process.js';

// What a fault makes on this machine is written down, so that whoever started the fault can remove it when the fault itself
// was killed: a mount, the data of a Postgres or a network before it is made, a folder or a process as soon as it has its name.

let list = process.env.FAULT_BELONGINGS;

/** @param {'folder' | 'mount' | 'data' | 'process' | 'network'} kind `data` is a folder that a Postgres runs in */
export function own(kind, name) {
  list ??= path.join(mkdtempSync(path.join(tmpdir(), 'gatehouse-faults-')), 'list');
  const entry = { kind, name, ...(kind === 'process' && { birth: birthOf(name) }) };
  appendFileSync(list, `${JSON.stringify(entry)}\n`);
}

/** Removes all that a list names, the newest first, and the folder of the list; what is gone already is passed over. */
export function sweep(file = list) {
  if (file === undefined) return;
  const entries = existsSync(file) ? readList(file) : [];
  // What runs goes before what it runs on
  for (const { name, birth } of entries.filter(({ kind }) => kind === 'process')) {
    // The id may be another process's by now
    if (birthOf(name) === birth) quietly(() => process.kill(name, 'SIGKILL'));
  }
  for (const { name } of entries.filter(({ kind }) => kind === 'data')) killAllIn(name);
  for (const { kind, name } of entries.reverse()) {
    if (kind === 'network') quietly(() => execFileSync('ip', ['netns', 'delete', name], { stdio: 'ignore' }));
    if (kind === 'mount') quietly(() => execFileSync('umount', ['-l', name], { stdio: 'ignore' }));
    if (kind === 'folder') quietly(() => rmSync(name, { recursive: true, force: true, maxRetries: 5 }));
  }
  rmSync(path.dirname(file), { recursive: true, force: true });
}

function readList(file) {
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.filter(Boolean).map((line) => JSON.parse(line));
}

/** The ids of all processes whose working folder this is: of a Postgres, the postmaster and its backends. None without /proc. */
export function processesIn(folder) {
  return (quietly(() => readdirSync('/proc')) ?? [])
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => quietly(() => readlinkSync(`/proc/${pid}/cwd`)) === folder)
    .map(Number);
}

export function signalAll(pids, signal) {
  for (const pid of pids) quietly(() => process.kill(pid, signal));
}

function killAllIn(folder) {
  const deadline = Date.now() + 5000;
  for (;;) {
    const pids = processesIn(folder);
    if (pids.length === 0 || Date.now() > deadline) return;
    signalAll(pids, 'SIGKILL');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
}

function quietly(work) {
  try {
    return work();
  } catch {
    return undefined;
  }
}
