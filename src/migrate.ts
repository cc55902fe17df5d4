import { ConfigurationError, databaseUrl, readSettings } from './config/config.ts';
import { explainStartFailure } from './start-failure.ts';
import { prepareDatabase } from './storage/prepare-database.ts';

/** `npm run migrate`: brings the configured database up to date and ends. */
async function main(): Promise<void> {
  const url = databaseUrl(readSettings());
  if (url === undefined) {
    throw new ConfigurationError([
      'DATABASE_URL (or DB_HOST, DB_NAME, DB_USER and DB_PASSWORD) is missing; the embedded database is migrated by npm start',
    ]);
  }
  const say = (message: string) => process.stdout.write(`${message}\n`);
  await prepareDatabase(url, { log: { info: say, warn: say } });
}

main().catch((error: unknown) => {
  process.stderr.write(`${explainStartFailure(error)}\n`);
  process.exit(1);
});
