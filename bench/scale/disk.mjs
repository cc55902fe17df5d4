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
 * @param {{ database: { url: string, ask: (sql: string) => Promise<object> } }} options `database` on the server
 */
export async function checkDisk({ database, sizes, quick, progress }) {
  const rows = sizes.reduce(
    (sum, { users, sessions }) => sum + users * bytesPerUser + sessions * bytesPerSession,
    0,
  );
  const needed = rows + (quick ? quickBesides : besides);
  const free = await freeBytes(database);
  const say = (bytes) => `${(bytes / gigabyte).toFixed(1)} GB`;
  if (free === undefined) {
    progress(`needs up to ${say(needed)} of disk; the server does not say how much it has`);
    return { needed };
  }
  progress(`needs up to ${say(needed)} of disk, and ${say(free)} are free`);
  if (free < needed) throw new Error(`too little disk: ${say(needed)} are needed, and ${say(free)} are free`);
  return { needed, free };
}

/** Undefined where the server's folder is out of sight: on another machine, or kept from this role. */
async function freeBytes(database) {
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(new URL(database.url).hostname)) return undefined;
  try {
    const { folder } = await database.ask(`SELECT current_setting('data_directory') AS folder`);
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize;
  } catch {
    return undefined;
  }
}
