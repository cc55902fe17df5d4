import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../.data/promtool', import.meta.url));
const unpacked = path.join(folder, 'usr', 'bin', 'promtool');
const works = (program) => spawnSync(program, ['--version']).status === 0;

/**
 * promtool: that of the machine, or the one of Debian's package prometheus, which is unpacked and not installed, as it
 * would start a server. Undefined when it cannot be had.
 */
export function findPromtool() {
  if (works('promtool')) return 'promtool';
  if (!works(unpacked)) unpack();
  return works(unpacked) ? unpacked : undefined;
}

function unpack() {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const run = (program, ...args) => spawnSync(program, args, { cwd: folder, stdio: 'ignore' }).status === 0;
  const download = () => run('apt-get', 'download', 'prometheus');
  // A machine that has never asked has no list of packages, and only root may get one
  if (!download() && !(run('apt-get', 'update') && download())) return;
  const [archive] = readdirSync(folder).filter((name) => name.endsWith('.deb'));
  if (archive) run('dpkg-deb', '--extract', archive, folder);
}
