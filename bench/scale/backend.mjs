import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * The CPU time that the server's process behind a connection has used, in microseconds; undefined where it cannot be
 * seen: on another machine, in another container, or on another system than Linux.
 */
export async function backendClock(client) {
  const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
  const file = `/proc/${rows[0].pid}/stat`;
  const ticks = Number(spawnSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }).stdout);
  const read = () => {
    // proc(5): fields 14 and 15, and the second, the program's name, may hold anything
    const stat = readFileSync(file, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (!stat.includes('(postgres)')) throw new Error('another process');
    return ((Number(fields[11]) + Number(fields[12])) / ticks) * 1e6;
  };
  try {
    read();
    return read;
  } catch {
    return () => undefined;
  }
}
