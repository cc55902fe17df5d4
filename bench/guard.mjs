import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stop } from '../scripts/processes.mjs';

const thisFile = fileURLToPath(import.meta.url);

/** Starts a process that ends the servers it has been told of when the run dies without having done so: no server may outlive a run. */
export function startGuard() {
  const child = fork(thisFile);
  // A guard that has ended has ended what it watched: there is nothing left to tell it
  child.on('error', () => {});
  const tell = (message) => child.send(message, () => {});
  return {
    watch: (pid) => tell({ watch: pid }),
    release: (pid) => tell({ release: pid }),
    stop: () => stop(child),
  };
}

if (process.argv[1] === thisFile) {
  const watched = new Set();
  const endAll = () => {
    for (const pid of watched) {
      try {
        process.kill(pid, 'SIGTERM');
      } catch {
        // It has ended already
      }
    }
    process.exit();
  };
  process.on('message', ({ watch, release }) => (watch ? watched.add(watch) : watched.delete(release)));
  process.on('disconnect', endAll);
  process.on('SIGTERM', endAll);
  // Ctrl-C in a terminal is sent to all of the run, whose own process then tidies up
  process.on('SIGINT', () => {});
}
