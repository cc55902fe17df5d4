// Runs one fault in a process of its own, and sends what came of it to run.mjs.
import { fileURLToPath, pathToFileURL } from 'node:url';
import { missing } from './needs.mjs';

const [file, ...flags] = process.argv.slice(2);
const log = (message) => process.send({ log: message });

// What still runs when the outcome is known must not hold up the end
const end = (outcome) => process.send(outcome, () => process.exit());

try {
  const { default: fault } = await import(pathToFileURL(file));
  const { name, promise } = fault;
  const lacking = missing(fault.needs ?? []);
  if (lacking.length > 0) end({ name, promise, skipped: lacking });
  else end({ name, promise, ...(await fault.run({ short: flags.includes('--short'), log })) });
} catch (error) {
  end({ broken: error.stack ?? String(error), ...error.result });
}

process.on('disconnect', () => process.exit(1));
process.on('unhandledRejection', (error) =>
  end({ broken: `${fileURLToPath(import.meta.url)}: ${error?.stack}` }),
);
