import { statfsSync } from 'node:fs';

const gigabyte = 1e9;
// As loaded, with their indexes, they take 290 and 430; refreshes and logins add to that
const bytesPerUser = 350;
const bytesPerSession = 550;
// The write-ahead log, and the sorts that make indexes
const besides = 6 * gigabyte;
const quickBesides = 0.5 * gigabyte;

/**
 * Says how much disk the run needs, and refuses when the server's has less.
 *
 * @param {{ databases: { urls: { big: string }, ask: (sql: string) => Promise<object> } }} options
 */
export async function checkDisk({ databases, sizes, quick, progress }) {
  const rows = sizes.reduce(
    (sum, { users, sessions }) => sum + users * bytesPerUser + sessions * bytesPerSession,
    0,
  );
  const needed = rows + (quick ? quickBesides : besides);
  const free = await freeBytes(databases);
  const say = (bytes) => `${(bytes / gigabyte).toFixed(1)} GB`;
  if (free === undefined) {
    progress(`needs up to ${say(needed)} of disk; the server does not say how much it has`);
    return;
  }
  progress(`needs up to ${say(needed)} of disk, and ${say(free)} are free`);
  if (free < needed) throw new Error(`too little disk: ${say(needed)} are needed, and ${say(free)} are free`);
}

/** Undefined where the server's folder is out of sight: on another machine, or kept from this role. */
async function freeBytes({ urls, ask }) {
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(new URL(urls.big).hostname)) return undefined;
  try {
    const { folder } = await ask(`SELECT current_setting('data_directory') AS folder`);
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
