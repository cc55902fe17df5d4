import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { unmet } from './needs.mjs';
import { readmeOrigin } from './readme.mjs';
import { newExec, StepFailed } from './steps.mjs';

/**
 * @typedef {object} Outcome
 * @property {import('./generators.mjs').Generator} generator
 * @property {'passed' | 'skipped' | 'failed'} result
 * @property {{ name: string, seconds: number }[]} steps
 * @property {string} [note] why it was skipped
 */

/**
 * Runs a generator; what becomes of it is said at once, and is never thrown.
 *
 * @param {import('./generators.mjs').Generator} generator
 * @param {{ origin: string, output: string, stopped: AbortSignal }} options the live service, the folder that gets one for
 *   each generator, and what ends the run
 * @returns {Promise<Outcome>}
 */
export async function runOne(generator, { origin, output, stopped }) {
  const missing = unmet(generator.needs, path.join(import.meta.dirname, generator.name));
  if (missing.length > 0) {
    const note = `needs ${missing.join(', ')}`;
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
    await generator.run({ command, origin, folder, exec });
    return { generator, result: 'passed', steps };
  } catch (error) {
    console.error(`failed: ${generator.name}: ${error instanceof StepFailed ? error.message : error.stack}`);
    return { generator, result: 'failed', steps };
  }
}

/** @param {Outcome[]} outcomes */
export function table(outcomes) {
  const rows = outcomes.map(({ generator, result, steps, note }) => [
    generator.language,
    `${generator.name} ${generator.version}`,
    steps.map(({ name, seconds }) => `${name} ${seconds.toFixed(1)} s`).join(', '),
    `${steps.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(1)} s`,
    note ? `${result}: ${note}` : result,
  ]);
  const all = [['language', 'generator', 'done', 'took', 'result'], ...rows];
  const widths = all[0].map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]))
      .join('  ')
      .trimEnd(),
  );
  const counts = ['passed', 'failed', 'skipped'].map((result) => `${count(outcomes, result)} ${result}`);
  return [...lines, counts.join(', ')].join('\n');
}

/**
 * Of the whole run: 1 when one failed, and with `strict` when one was skipped.
 *
 * @param {Outcome[]} outcomes
 * @param {{ strict: boolean }} options
 */
export function exitCode(outcomes, { strict }) {
  return count(outcomes, 'failed') > 0 || (strict && count(outcomes, 'skipped') > 0) ? 1 : 0;
}

function count(outcomes, wanted) {
  return outcomes.filter(({ result }) => result === wanted).length;
}
