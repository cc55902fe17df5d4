import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';
import { root } from '../scripts/build.mjs';

// As it was before this run did anything
const loadAverage = loadavg()[0];

/** What the figures are measured on. */
export async function describeMachine(database) {
  const { version, fsync, synchronous_commit } = await database.ask(
    `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
      current_setting('synchronous_commit') AS synchronous_commit`,
  );
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGigabytes: Math.round(totalmem() / 1e9),
    os: `${process.platform} ${release()} ${process.arch}`,
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    postgres: version,
    durability: `fsync ${fsync}, synchronous_commit ${synchronous_commit}`,
    loadAverage,
  };
}

/** Which code is measured, and whether it differs from that commit. */
export function describeCode() {
  const git = (...args) => spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  const head = git('rev-parse', '--short', 'HEAD');
  if (head.status !== 0) return { commit: 'unknown', isDirty: true };
  const changed = git(
    'status',
    '--porcelain',
    '--',
    'src',
    'bench',
    'scripts',
    'migrations',
    'package.json',
    'package-lock.json',
  ).stdout;
  return { commit: head.stdout.trim(), isDirty: changed !== '' };
}

/** The same in words. */
export function nameCode({ commit, isDirty }) {
  return isDirty ? `${commit} and uncommitted changes` : commit;
}
