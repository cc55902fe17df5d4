import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

// What is run on Python here asks for 3.11; venv is a package of its own on Debian
const usable =
  'import sys, venv, ensurepip; assert sys.version_info >= (3, 11); print(*sys.version_info[:3], sep=".")';

/** How to ask for a Python that will do: it prints its version, and anything else ends with a failure. */
export const probe = ['python3', '-c', usable];

/** The version of python3, such as "3.11.7"; undefined when there is none that will do. */
export function pythonVersion() {
  const [program, ...args] = probe;
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : undefined;
}

/**
 * A virtual environment with what a requirements.txt names, made once for each such list and Python.
 *
 * @param {string} prefix path that its folder's begins with
 * @param {string} requirements path of the requirements.txt
 * @param {(line: string) => unknown} run runs a line of shell; throws or rejects when that fails
 * @returns {Promise<string>} its folder, with programs in bin/
 */
export async function pythonEnvironment(prefix, requirements, run) {
  const key = createHash('sha256')
    .update(String(pythonVersion()))
    .update(readFileSync(requirements))
    .digest('hex')
    .slice(0, 12);
  const folder = `${prefix}-${key}`;
  const complete = path.join(folder, 'complete');
  if (existsSync(complete)) return folder;
  rmSync(folder, { recursive: true, force: true });
  const quoted = JSON.stringify(folder);
  await run(`python3 -m venv ${quoted}`);
  await run(`${quoted}/bin/pip install --quiet --requirement ${JSON.stringify(requirements)}`);
  writeFileSync(complete, '');
  return folder;
}
