import path from 'node:path';
import pg from 'pg';
import { accountFor } from './account.ts';
import { findBinaries } from './binaries.ts';
import { type Cluster, initialise, roleName } from './cluster.ts';
import { EmbeddedPostgresError } from './error.ts';
import { takeOwnership } from './owner.ts';
import { settle } from './place.ts';
import { findPostmaster, type Postmaster } from './postmaster.ts';
import { waitUntil } from './process.ts';
import { joinServer, startServer, stopServer } from './server.ts';
import { systemShelters } from './shelter.ts';

export interface EmbeddedPostgresOptions {
  /** Where the data lives, e.g. `<repository>/.data/postgres`; made when it is not there. */
  directory: string;
  /** Told, in a sentence without its full stop, of what takes time or what a person may want to know. */
  onProgress?: (message: string) => void;
  /** Further Postgres settings, e.g. `{ fsync: 'off' }`. A Postgres that was left running keeps those it has. */
  settings?: Record<string, string>;
  /** For root only: where data and programs go when the user Postgres runs as cannot reach the repository. */
  shelters?: readonly string[];
}

/** A running Postgres that belongs to this process. */
export interface EmbeddedPostgres {
  /** postgres://gatehouse:password@127.0.0.1:port/gatehouse, percent-encoded; the role is a superuser. */
  url: string;
  /** Stops Postgres; its process is gone when this resolves. Open transactions are rolled back. */
  stop(): Promise<void>;
}

/**
 * Starts a real Postgres on data that lasts, for development and tests. It outlives a Ctrl-C in the terminal, so
 * that the service can drain; when this process dies without `stop`, the next start takes it over.
 *
 * @throws EmbeddedPostgresError when it cannot run here, or when another living process uses the directory
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { onProgress = () => {}, settings = {}, shelters = systemShelters } = options;
  const directory = path.resolve(options.directory);
  const account = accountFor(directory);
  const binaries = await findBinaries(account, shelters, onProgress);
  const home = settle(directory, account, shelters, onProgress);
  const release = await takeOwnership(home, directory);
  const cluster: Cluster = { home, data: path.join(home, 'data'), binaries, account };
  try {
    const { password, synced } = await initialise(cluster, onProgress);
    const url = await openServer(cluster, password, settings);
    return { url, stop: stopOnce(cluster, synced, release) };
  } catch (error) {
    await stopServer(cluster).catch(() => {});
    release();
    throw error;
  }
}

/** Joins the Postgres that was left running here, or starts one; gives its URL. */
async function openServer(
  cluster: Cluster,
  password: string,
  settings: Record<string, string>,
): Promise<string> {
  const urlOf = ({ port }: Postmaster, database: string) =>
    `postgres://${roleName}:${encodeURIComponent(password)}@127.0.0.1:${port}/${database}`;
  const left = await joinServer(cluster);
  if (left) {
    try {
      await ensureDatabase(urlOf(left, 'postgres'));
      return urlOf(left, roleName);
    } catch (error) {
      // One that was killed a moment ago looks alive until it is gone.
      if (!(await waitUntil(() => !findPostmaster(cluster.data), 2_000))) throw error;
    }
  }
  const started = await startServer(cluster, settings);
  await ensureDatabase(urlOf(started, 'postgres'));
  return urlOf(started, roleName);
}

function stopOnce(cluster: Cluster, synced: Promise<unknown>, release: () => void): () => Promise<void> {
  let stopping: Promise<void> | undefined;
  return () => {
    stopping ??= Promise.all([stopServer(cluster), synced]).then(release);
    return stopping;
  };
}

async function ensureDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  try {
    await client.connect();
    const found = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [roleName]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${roleName}`);
  } catch (cause) {
    const problem = `Postgres runs but does not let us in (${cause instanceof Error ? cause.message : cause})`;
    throw new EmbeddedPostgresError(problem, 'see postgres.log beside its data', '', { cause });
  } finally {
    await client.end().catch(() => {});
  }
}
