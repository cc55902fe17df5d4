import { spawnSync } from 'node:child_process';
import { probe as python311 } from '../../scripts/python.mjs';

/**
 * Something besides Node and npm that a generator needs. A name on the PATH says little: macOS has a `java` that only asks
 * for one, and a version may be too old.
 *
 * @typedef {object} Need
 * @property {string} what for people, such as "Java 11"
 * @property {string[]} probe a program and its arguments, run in the generator's folder; fails where it will not do
 * @property {RegExp} [version] finds the version in what it prints
 * @property {number} [least] of that version's first number
 */

const answers = (program) => ({ what: program, probe: [program, '--version'] });

export const python = { what: 'Python 3.11 or newer, with venv', probe: python311 };
// Java 8 does not know the option
export const java = { what: 'Java 11', probe: ['java', '--version'], version: /^\w+ (\d+)/m, least: 11 };
export const javac = {
  what: 'a JDK of Java 11',
  probe: ['javac', '--version'],
  version: /^javac (\d+)/m,
  least: 11,
};
export const maven = { ...answers('mvn'), what: 'Maven' };
// Where the module asks for a newer Go, this one fetches it, or fails where it cannot
export const go = { what: 'the Go of go.mod', probe: ['go', 'list', '-m'] };
export const rust = [answers('cargo'), answers('rustc'), { ...answers('cc'), what: 'a C compiler' }];

/**
 * @param {Need[]} needs
 * @param {string} folder where the probes run
 * @returns {string[]} what this machine has not, for people
 */
export function unmet(needs, folder) {
  return needs.filter((need) => !isMet(need, folder)).map(({ what }) => what);
}

function isMet({ probe: [program, ...args], version, least = 0 }, folder) {
  const { status, stdout } = spawnSync(program, args, {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  if (status !== 0) return false;
  return version === undefined || Number(version.exec(stdout)?.[1]) >= least;
}
