import { readdirSync, realpathSync, rmSync } from 'node:fs';
import { totalmem } from 'node:os';
import path from 'node:path';
import { root } from '../../scripts/build.mjs';
import { openDatabase } from '../../scripts/database.mjs';
import { keep, quick } from './settings.mjs';

const nameOf = (url) => new URL(url).pathname.slice(1);

/** Durable as in production; memory as a server of this machine's size would be given it. */
function serverSettings() {
  const megabytes = (bytes) => `${Math.round(bytes / 2 ** 20)}MB`;
  return {
    shared_buffers: quick ? '256MB' : megabytes(Math.min(totalmem() * 0.5, 16 * 2 ** 30)),
    effective_cache_size: megabytes(totalmem() * 0.7),
    max_wal_size: '4GB',
    checkpoint_timeout: '15min',
  };
}

/**
 * Names two databases of this run's own, on the server of DATABASE_URL or on an embedded one, which are dropped by
 * `close` unless they are to be kept.
 */
export async function openDatabases({ progress }) {
  const serverUrl = process.env.DATABASE_URL;
  const database = await openDatabase({
    purpose: 'scale',
    serverUrl,
    settings: serverSettings(),
    onProgress: progress,
  });
  const urls = { big: database.url, small: `${database.url}_small` };
  const own = Object.values(urls).map(nameOf);
  if (keep) progress(`the databases are kept: ${own.join(' and ')}`);
  return {
    urls,
    ask: database.ask,
    async close() {
      let others;
      try {
        if (!keep) await database.ask(`DROP DATABASE IF EXISTS ${nameOf(urls.small)} WITH (FORCE)`);
        others = await namesOfOthers(database, own);
      } finally {
        await database.close({ keep });
      }
      if (serverUrl || keep) return;
      if (others) progress(`left alone, as they are not of this run: ${others}`);
      else emptyCluster();
    },
  };
}

/** What else the server holds: databases of runs with --keep, and of those that were killed. Null when nothing. */
async function namesOfOthers(database, own) {
  const list = ['postgres', 'gatehouse', ...own].map((name) => `'${name}'`).join(', ');
  const { names } = await database.ask(
    `SELECT string_agg(datname, ', ') AS names FROM pg_database WHERE NOT datistemplate AND datname NOT IN (${list})`,
  );
  return names;
}

/** Gigabytes of the log would stay. The folder may be a link to where root's data lies: what it leads to is emptied. */
function emptyCluster() {
  const home = realpathSync(path.join(root, '.data', 'scale-postgres'));
  for (const name of readdirSync(home)) rmSync(path.join(home, name), { recursive: true });
}
