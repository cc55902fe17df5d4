// Generates clients from the live service's OpenAPI document, compiles each and runs a program that uses it:
// npm run test:clients [-- name…] [--strict]. With --strict a missing toolchain is a failure. Exits with 1 when one failed.
import { accessSync, constants, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startService } from '../../scripts/live-service.mjs';
import { install } from './install.mjs';
import { commandsOfReadme, readmeOrigin } from './readme.mjs';
import { newExec, StepFailed } from './steps.mjs';

/**
 * What the generator.mjs of each folder exports.
 *
 * @typedef {object} Generator
 * @property {string} name as in the README, and the name of its folder
 * @property {string} version the exact one that `command` runs
 * @property {string} language
 * @property {string[]} needs programs on the PATH besides Node and npm, such as ['java']
 * @property {string} command the line of the README's "Generate a client", word for word: it reads
 *   http://127.0.0.1:8000/openapi.json and writes below the current folder
 * @property {(job: Job) => Promise<void>} run generates, compiles, runs the journey; throws when something is wrong
 *
 * @typedef {object} Job
 * @property {string} command the same line, with the address of the live service
 * @property {string} origin the live service, such as "http://127.0.0.1:40123"
 * @property {string} document path of a file with what the live service serves as /openapi.json
 * @property {string} folder an empty folder to work in, below this package; left there to look at
 * @property {import('./steps.mjs').Exec} exec runs a line of shell in that folder, as one named step
 */

const here = import.meta.dirname;
const output = path.join(here, '.output');

/** @returns {Promise<Generator[]>} */
async function findGenerators() {
  const found = readdirSync(here, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && isThere(path.join(here, entry.name, 'generator.mjs')))
    .map(({ name }) => name);
  return Promise.all(found.map((name) => import(`./${name}/generator.mjs`)));
}

function choose(generators, names) {
  const known = generators.map(({ name }) => name);
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new Error(`no generator ${unknown.join(', ')}; there are ${known.join(', ')}`);
  return generators.filter(({ name }) => names.length === 0 || names.includes(name));
}

function isThere(file, mode = constants.F_OK) {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}

function isOnPath(program) {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  return folders.some((folder) => isThere(path.join(folder, program), constants.X_OK));
}

/** The lines of the README are what is tested here, so that there is no line that was not run. */
function checkReadme(generators) {
  const written = commandsOfReadme();
  const expected = generators.map(({ command }) => command);
  const missing = expected.filter((command) => !written.includes(command));
  const untested = written.filter((command) => !expected.includes(command));
  const faults = [
    ...missing.map((command) => `the README lacks: ${command}`),
    ...untested.map((command) => `the README has a line that no generator.mjs has: ${command}`),
    ...generators
      .filter(({ command, version }) => !command.includes(version))
      .map(({ name, version }) => `the command of ${name} does not say ${version}`),
  ];
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

/** @returns {Promise<{ generator: Generator, result: 'passed' | 'skipped' | 'failed', steps: object[], note?: string }>} */
async function runOne(generator, { origin, document, stopped }) {
  const missing = generator.needs.filter((program) => !isOnPath(program));
  if (missing.length > 0) {
    const note = `${missing.join(', ')} is not on this machine`;
    console.log(`skipped: ${generator.name}: ${note}`);
    return { generator, result: 'skipped', steps: [], note };
  }
  const folder = path.join(output, generator.name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const { exec, steps } = newExec(folder, stopped);
  console.log(`${generator.name}: ${generator.command}`);
  try {
    const command = generator.command.replaceAll(readmeOrigin, origin);
    await generator.run({ command, origin, document, folder, exec });
    return { generator, result: 'passed', steps };
  } catch (error) {
    console.error(`failed: ${generator.name}: ${error instanceof StepFailed ? error.message : error.stack}`);
    return { generator, result: 'failed', steps };
  }
}

function table(outcomes) {
  const rows = outcomes.map(({ generator, result, steps, note }) => [
    generator.language,
    `${generator.name} ${generator.version}`,
    steps.map(({ name, seconds }) => `${name} ${seconds.toFixed(1)} s`).join(', '),
    `${steps.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(1)} s`,
    note ? `${result}: ${note}` : result,
  ]);
  const all = [['language', 'generator', 'done', 'took', 'result'], ...rows];
  const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { strict: { type: 'boolean', default: process.env.STRICT_CLIENTS === '1' } },
  });
  install();
  const generators = await findGenerators();
  const chosen = choose(generators, positionals);
  checkReadme(generators);
  const stopped = interruption();
  const service = await startService();
  const outcomes = [];
  try {
    mkdirSync(output, { recursive: true });
    const document = path.join(output, 'openapi.json');
    writeFileSync(document, await (await fetch(`${service.origin}/openapi.json`)).text());
    for (const generator of chosen) {
      outcomes.push(await runOne(generator, { origin: service.origin, document, stopped }));
      stopped.throwIfAborted();
    }
  } finally {
    await service.stop();
  }
  console.log(`\n${table(outcomes)}`);
  const count = (wanted) => outcomes.filter(({ result }) => result === wanted).length;
  console.log(`${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped`);
  return count('failed') > 0 || (values.strict && count('skipped') > 0) ? 1 : 0;
}

/** Comes with Ctrl-C or SIGTERM; the service and its database are then taken away all the same. */
function interruption() {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.on(signal, () => controller.abort(new Error(`stopped by ${signal}`)));
  }
  return controller.signal;
}

process.exitCode = await main();
