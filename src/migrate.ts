import { constants } from 'node:os';
import { readMigrationUrl } from './config/config.ts';
import { explainStartFailure } from './start-failure.ts';
import { prepareDatabase } from './storage/prepare-database.ts';

/** `npm run migrate`: brings the configured database up to date and ends. */
async function main(): Promise<void> {
  // The first process of a container has no default for them, and would go on until it is killed
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, end);
  const say = (message: string) => process.stdout.write(`${message}\n`);
  await prepareDatabase(readMigrationUrl(), { log: { info: say, warn: say } });
}

function end(signal: 'SIGTERM' | 'SIGINT'): void {
  process.stderr.write(`Ended by ${signal}; Postgres undoes what has not been finished\n`);
  process.exit(128 + constants.signals[signal]);
}

main().catch((error: unknown) => {
  process.stderr.write(`${explainStartFailure(error)}\n`);
  process.exit(1);
});
