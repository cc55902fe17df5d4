import { spawnSync } from 'node:child_process';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { root } from '../scripts/build.mjs';

/** What the figures were measured on. */
export async function describeMachine(database) {
  const { version, fsync, synchronous_commit } = await database.describe();
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    postgres: version,
    durability: `fsync ${fsync}, synchronous_commit ${synchronous_commit}`,
    commit: commit(),
    loadAverage: loadavg()[0],
    date: new Date().toISOString(),
  };
}

function commit() {
  const git = (...args) => spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  const head = git('rev-parse', '--short', 'HEAD');
  if (head.status !== 0) return 'unknown';
  const changed = git('status', '--porcelain', '--', 'src', 'package-lock.json').stdout !== '';
  return head.stdout.trim() + (changed ? ' and uncommitted changes' : '');
}
