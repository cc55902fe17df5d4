import { createDatabaseIfMissing } from './create-database.ts';
import { type MigrationOptions, migrate } from './migrate.ts';

/** Sees to it that the database exists and its schema is up to date. */
export async function prepareDatabase(databaseUrl: string, options: MigrationOptions): Promise<void> {
  const { log } = options;
  if (await createDatabaseIfMissing(databaseUrl)) log.info('the database did not exist and has been created');
  const applied = await migrate(databaseUrl, options);
  if (applied.length === 0) log.info('the schema is up to date');
}
