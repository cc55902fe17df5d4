import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stop } from '../scripts/processes.mjs';

const thisFile = fileURLToPath(import.meta.url);

/** Starts a process that ends the servers it has been told of when the run dies without having done so: no server may outlive a run. */
export function startGuard() {
  const child = fork(thisFile);
  return {
    watch: (pid) => child.send({ watch: pid }),
    release: (pid) => child.send({ release: pid }),
    stop: () => stop(child),
  };
}

if (process.argv[1] === thisFile) {
  const watched = new Set();
  process.on('message', ({ watch, release }) => (watch ? watched.add(watch) : watched.delete(release)));
  process.on('disconnect', () => {
    for (const pid of watched) {
      try {
        process.kill(pid, 'SIGTERM');
      } catch {
        // It has ended already
      }
    }
    process.exit();
  });
}
