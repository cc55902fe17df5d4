import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { Account } from './account.ts';
import type { Binaries } from './binaries.ts';
import { run } from './command.ts';
import { EmbeddedPostgresError, useYourOwn } from './error.ts';

/** The superuser, and the database, of an embedded Postgres. */
export const roleName = 'gatehouse';

/** Where a cluster lives, and with what it runs. */
export interface Cluster {
  /** The real path of the folder with `data`, `password`, `postgres.log`. */
  home: string;
  data: string;
  binaries: Binaries;
  account: Account | undefined;
}

const scratchPrefix = 'initialising-';

/** A cluster that is there to be started. */
export interface Initialised {
  /** The superuser's. */
  password: string;
  /** Resolves when what initdb wrote is safe on the disk, which a start does not wait for. */
  synced: Promise<unknown>;
}

/** Runs initdb when there is no data yet. */
export async function initialise(
  cluster: Cluster,
  onProgress: (message: string) => void,
): Promise<Initialised> {
  const { home, data, account } = cluster;
  const passwordFile = path.join(home, 'password');
  removeLeftovers(home);
  if (existsSync(path.join(data, 'PG_VERSION'))) {
    checkData(cluster);
    return { password: readPassword(passwordFile, home), synced: Promise.resolve() };
  }
  // Not from a start that was interrupted: the data is put in place whole
  if (existsSync(data) && readdirSync(data).length > 0) {
    throw new EmbeddedPostgresError(
      `the data in ${data} is damaged: PG_VERSION is missing`,
      'move the folder away to start with an empty database',
    );
  }
  onProgress(`Creating a database in ${home}`);
  const password = randomBytes(24).toString('base64url');
  const scratch = `${scratchPrefix}${randomBytes(4).toString('hex')}`;
  const inside = path.join(home, scratch);
  mkdirSync(inside, { mode: 0o700 });
  writeFileSync(path.join(inside, 'password'), password, { flag: 'wx', mode: 0o600 });
  if (account) {
    chownSync(path.join(inside, 'password'), account.uid, account.gid);
    chownSync(inside, account.uid, account.gid);
  }
  await runInitdb(cluster, scratch);
  // The data comes last: whoever finds it finds its password too.
  rmSync(passwordFile, { force: true });
  writeFileSync(passwordFile, password, { flag: 'wx', mode: 0o600 });
  rmSync(data, { recursive: true, force: true });
  renameSync(path.join(inside, 'data'), data);
  rmSync(inside, { recursive: true, force: true });
  const { binaries } = cluster;
  const synced = run(binaries.initdb, ['--sync-only', '-D', 'data'], { account, cwd: home, detached: true });
  return { password, synced: synced.catch(() => {}) };
}

/** What a start that was killed midway has left. Its initdb may still be writing: then the next start removes it. */
function removeLeftovers(home: string): void {
  for (const name of readdirSync(home)) {
    if (!name.startsWith(scratchPrefix)) continue;
    try {
      rmSync(path.join(home, name), { recursive: true, force: true, maxRetries: 3, retryDelay: 20 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
    }
  }
}

async function runInitdb({ home, binaries, account }: Cluster, scratch: string): Promise<void> {
  // Relative paths, as initdb hands them to a shell.
  const args = ['-D', `${scratch}/data`, '--pwfile', `${scratch}/password`, '-U', roleName];
  args.push('--auth=scram-sha-256', '--encoding=UTF8', '--no-instructions', '--no-sync');
  // Postgres brings this locale itself: the result is the same on every system, those without locales too.
  args.push('--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8');
  const { code, output } = await run(binaries.initdb, args, { account, cwd: home });
  if (code === 0) return;
  rmSync(path.join(home, scratch), { recursive: true, force: true });
  if (output.includes('could not look up effective user ID')) {
    throw new EmbeddedPostgresError(
      `initdb needs its user to be listed in /etc/passwd, and user ${process.getuid?.()} is not`,
      `start Gatehouse as a user that is, or ${useYourOwn}`,
    );
  }
  throw new EmbeddedPostgresError(`initdb failed in ${home}`, `see below, or ${useYourOwn}`, output);
}

function checkData({ data, binaries, account }: Cluster): void {
  const { uid } = statSync(data);
  const ours = account?.uid ?? process.getuid?.() ?? uid;
  if (uid !== ours) {
    throw new EmbeddedPostgresError(
      `the data in ${data} belongs to user ${uid}, but Postgres would run as user ${ours}`,
      `start Gatehouse as the user it was first started as, or ${useYourOwn}`,
    );
  }
  const version = readFileSync(path.join(data, 'PG_VERSION'), 'utf8').trim();
  if (version !== binaries.major) {
    throw new EmbeddedPostgresError(
      `the data in ${data} was made by Postgres ${version}, and Postgres ${binaries.major} is installed`,
      `move the folder away to start with an empty database, or install that version`,
    );
  }
}

function readPassword(file: string, home: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    const remedy = `bring it back, or move ${home} away to start with an empty database`;
    throw new EmbeddedPostgresError(`the password in ${file} cannot be read`, remedy, '', { cause });
  }
}
