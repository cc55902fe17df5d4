import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/**
 * Leaves the last core to the client, so that what the load costs to make is not taken from what is measured: this process, and what
 * it starts from now on, keep to the others. Gives how many those are, and a function that moves the client; undefined where there is no
 * `taskset`, as outside Linux, or one core.
 */
export function setApart() {
  const last = availableParallelism() - 1;
  if (last < 1) return undefined;
  const move = (pid, cores) =>
    spawnSync('taskset', ['--all-tasks', '--cpu-list', '--pid', cores, String(pid)]).status === 0;
  if (!move(process.pid, `0-${last - 1}`)) return undefined;
  return { cores: last, moveClient: (client) => move(client.pid, String(last)) };
}
