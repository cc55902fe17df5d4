// Generates clients from the live service's OpenAPI document, compiles each and runs a program that uses it:
// npm run test:clients [-- name…] [--strict]. With --strict a missing toolchain is a failure. Exits with 1 when one failed.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startService } from '../../scripts/live-service.mjs';
import { choose, faultsOf, findGenerators, missingPrograms } from './generators.mjs';
import { install } from './install.mjs';
import { commandsOfReadme, readmeOrigin } from './readme.mjs';
import { newExec, StepFailed } from './steps.mjs';

const output = path.join(import.meta.dirname, '.output');

/** @returns {Promise<{ generator: import('./generators.mjs').Generator, result: 'passed' | 'skipped' | 'failed', steps: object[], note?: string }>} */
async function runOne(generator, { origin, document, stopped }) {
  const missing = missingPrograms(generator);
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
  // What the README says is what is run here, and there is no line in it that was not
  const faults = faultsOf(generators, commandsOfReadme());
  if (faults.length > 0) throw new Error(faults.join('\n'));
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
