// Run by the tests in a process of its own, which they then kill: starts Postgres, says where, and stays.
import { startEmbeddedPostgres } from '../../src/embedded/postgres.ts';

const { url } = await startEmbeddedPostgres({ directory: process.argv[2] ?? '' });
process.stdout.write(`${url}\n`);
setInterval(() => {}, 60_000);
