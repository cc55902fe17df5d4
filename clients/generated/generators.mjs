import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/**
 * What the generator.mjs of each folder exports.
 *
 * @typedef {object} Generator
 * @property {string} name as in the README, and the name of its folder
 * @property {string} version the exact one that `command` runs
 * @property {string} language
 * @property {import('./needs.mjs').Need[]} needs
 * @property {string} command the line of the README's "Generate a client", word for word: it reads
 *   http://127.0.0.1:8000/openapi.json and writes below the current folder
 * @property {(job: Job) => Promise<void>} run generates, compiles, runs the journey; throws when something is wrong
 *
 * @typedef {object} Job
 * @property {string} command the same line, with the address of the live service
 * @property {string} origin the live service, such as "http://127.0.0.1:40123"
 * @property {string} folder an empty folder to work in, below this package; left there to look at
 * @property {import('./steps.mjs').Exec} exec runs a line of shell in that folder, as one named step
 */

const here = import.meta.dirname;

/** @returns {Promise<Generator[]>} */
export async function findGenerators() {
  const found = readdirSync(here).filter((name) => existsSync(path.join(here, name, 'generator.mjs')));
  return Promise.all(found.map((name) => import(`./${name}/generator.mjs`)));
}

/** Those that are named, or all; throws when there is none of a name. */
export function choose(generators, names) {
  const known = generators.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new Error(`no generator ${unknown.join(', ')}; there are ${known.join(', ')}`);
  return generators.filter(({ name }) => names.length === 0 || names.includes(name));
}

/** What is wrong with the commands: each stands in the README, which has no others, and names the version that is pinned. */
export function faultsOf(generators, written) {
  const commands = generators.map(({ command }) => command);
  const { devDependencies } = JSON.parse(readFileSync(path.join(here, 'package.json'), 'utf8'));
  const isPinned = (command) => {
    const [, name, version] = /^npx --yes (\S+)@(\S+) /.exec(command) ?? [];
    return name === undefined || devDependencies[name] === version;
  };
  return [
    ...commands.filter((each) => !written.includes(each)).map((each) => `the README lacks: ${each}`),
    ...written
      .filter((each) => !commands.includes(each))
      .map((each) => `nothing runs this line of the README: ${each}`),
    ...generators
      .filter(({ command, version }) => !command.includes(version))
      .map(({ name, version }) => `the command of ${name} does not say ${version}`),
    ...commands.filter((each) => !isPinned(each)).map((each) => `package.json has another version: ${each}`),
  ];
}
