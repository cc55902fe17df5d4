import { readMigrationUrl } from './config/config.ts';
import { explainStartFailure } from './start-failure.ts';
import { prepareDatabase } from './storage/prepare-database.ts';

/** `npm run migrate`: brings the configured database up to date and ends. */
async function main(): Promise<void> {
  const say = (message: string) => process.stdout.write(`${message}\n`);
  await prepareDatabase(readMigrationUrl(), { log: { info: say, warn: say } });
}

main().catch((error: unknown) => {
  process.stderr.write(`${explainStartFailure(error)}\n`);
  process.exit(1);
});
