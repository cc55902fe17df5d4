// Runs one fault in a process of its own, and sends what came of it to run.mjs.
import { pathToFileURL } from 'node:url';
import { sweep } from './belongings.mjs';
import { missing } from './needs.mjs';
import { TooBusy } from './outcome.mjs';

const [file, ...flags] = process.argv.slice(2);
const short = flags.includes('--short');

// What still runs when the outcome is known must not hold up the end
const end = (outcome) => process.send(outcome, () => process.exit());

async function outcomeOf({ name, promise, needs = [], inShort = true, unnamed = true, run }) {
  const wanted = flags.includes('--named') || (unnamed && (inShort || !short));
  if (!wanted) return { leftOut: true };
  const lacking = missing(needs);
  if (lacking.length > 0) return { name, promise, skipped: lacking };
  try {
    return { name, promise, ...(await run({ short, log: (message) => process.send({ log: message }) })) };
  } catch (error) {
    if (error instanceof TooBusy) return { name, promise, unclear: error.message, ...error.result };
    return { name, promise, broken: error?.stack ?? String(error), ...error?.result };
  }
}

// Whoever started this was killed, and sweeps no more
process.on('disconnect', () => {
  sweep();
  process.exit(1);
});
process.on('unhandledRejection', (error) => end({ broken: `nothing caught: ${error?.stack}` }));
try {
  const { default: fault } = await import(pathToFileURL(file));
  end(await outcomeOf(fault));
} catch (error) {
  end({ broken: error.stack });
}
