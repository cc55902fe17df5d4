// A process for tests to kill: starts Postgres, prints its URL, and stays
import { startEmbeddedPostgres } from '../../src/embedded/postgres.ts';

const { url } = await startEmbeddedPostgres({ directory: process.argv[2] ?? '' });
process.stdout.write(`${url}\n`);
setInterval(() => {}, 60_000);
