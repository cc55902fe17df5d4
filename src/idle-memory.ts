import { setImmediate } from 'node:timers/promises';

// Milliseconds
const everyMs = 5000;
const idleMs = 0.01 * everyMs;
// Of work since the last time: what left hardly anything behind is not worth a collection
const worthMs = 1000;

/**
 * Gives memory back once the start, and later each load, is over. V8 collects when memory is asked for, so that a process at rest keeps
 * what was left behind. It takes some 50 ms, at most once for each second of work, and while nothing else is to be done.
 *
 * Does nothing where Node is built without its inspector.
 *
 * @returns what ends it
 */
export function giveBackWhenIdle(): () => Promise<void> {
  let last = performance.eventLoopUtilization();
  let workedMs = worthMs;
  const look = () => {
    const now = performance.eventLoopUtilization();
    const { active } = performance.eventLoopUtilization(now, last);
    last = now;
    workedMs += active;
    if (active > idleMs || workedMs < worthMs) return;
    workedMs = 0;
    void giveBack();
  };
  const timer = process.features.inspector ? setInterval(look, everyMs).unref() : undefined;
  return async () => clearInterval(timer);
}

/** As V8 does when memory runs short: `gc()` keeps the young generation, and pages that are hardly used, as large as they were. */
async function giveBack(): Promise<void> {
  const { Session } = await import('node:inspector');
  const session = new Session();
  session.connect();
  await new Promise((resolve) => session.post('HeapProfiler.collectGarbage', resolve));
  // It may not be left from within its own answer
  await setImmediate();
  session.disconnect();
}
