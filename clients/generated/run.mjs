// Generates clients from the live service's OpenAPI document, compiles each and runs a program that uses it:
// npm run test:clients [-- name…] [--strict]. With --strict a missing toolchain is a failure. Exits with 1 when one failed.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startService } from '../../scripts/live-service.mjs';
import { choose, faultsOf, findGenerators } from './generators.mjs';
import { install } from './install.mjs';
import { exitCode, runOne, table } from './outcomes.mjs';
import { commandsOfReadme } from './readme.mjs';

const output = path.join(import.meta.dirname, '.output');

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { strict: { type: 'boolean', default: false } },
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
    for (const generator of chosen) {
      outcomes.push(await runOne(generator, { origin: service.origin, output, stopped }));
      stopped.throwIfAborted();
    }
  } finally {
    await service.stop();
  }
  console.log(`\n${table(outcomes)}`);
  return exitCode(outcomes, values);
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
