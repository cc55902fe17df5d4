import { existsSync, readdirSync } from 'node:fs';
import path from 'node:path';

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

/** What a fault that needs these programs says that it needs: nothing that is missing when they are there. */
export const needsOf = (programs) => (folderOf(programs) ? [] : programs);
