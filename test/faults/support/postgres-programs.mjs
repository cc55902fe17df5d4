import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { roleName } from '../../../dist/embedded/cluster.js';

const debian = '/usr/lib/postgresql';

/**
 * The folder of an installed Postgres that has all of these programs: on PATH, or the newest of Debian's packages, which
 * leave most of them off it. Undefined when there is none.
 */
export function folderOf(programs) {
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [
    ...versions.map((version) => path.join(debian, version, 'bin')),
    ...(process.env.PATH ?? '').split(path.delimiter),
  ];
  return folders.find((folder) => programs.every((program) => existsSync(path.join(folder, program))));
}

/** As src/embedded has them, from such a folder. */
export function binariesIn(folder) {
  const [initdb, pgCtl, postgres] = ['initdb', 'pg_ctl', 'postgres'].map((name) => path.join(folder, name));
  const version = execFileSync(postgres, ['--version'], { encoding: 'utf8' });
  return { initdb, pgCtl, postgres, major: /(\d+)[.\w]/.exec(version)[1] };
}

/** What src/embedded takes for its own data, made by an initdb that may be older than the embedded one. */
export function createData(home, data, binaries, account) {
  const password = path.join(home, 'password');
  writeFileSync(password, randomBytes(16).toString('hex'), { mode: 0o600 });
  mkdirSync(data, { mode: 0o700 });
  if (account) for (const each of [password, data]) chownSync(each, account.uid, account.gid);
  const flags = ['--auth=scram-sha-256', '--encoding=UTF8', '--locale=C', `--username=${roleName}`];
  execFileSync(binaries.initdb, [`--pgdata=${data}`, `--pwfile=${password}`, ...flags], {
    cwd: home,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(account && { uid: account.uid, gid: account.gid }),
  });
}

/** What a fault that needs these programs says that it needs: nothing that is missing when they are there. */
export const needsOf = (programs) => (folderOf(programs) ? [] : programs);
