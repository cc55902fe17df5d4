// Milliseconds
const everyMs = 5000;
const idleMs = 0.01 * everyMs;
// Of work since the last collection: what left hardly anything behind is not worth one
const worthMs = 1000;

/**
 * Gives memory back once a load is over. V8 collects when memory is asked for, so that a process at rest keeps what its last load
 * left behind. One collection takes some 50 ms, at most one for each second of work, and while nothing else is to be done.
 *
 * Does nothing without `--expose-gc`.
 *
 * @returns what ends it
 */
export function giveBackWhenIdle(): () => Promise<void> {
  const { gc } = globalThis;
  let last = performance.eventLoopUtilization();
  let workedMs = 0;
  const look = () => {
    const now = performance.eventLoopUtilization();
    const { active } = performance.eventLoopUtilization(now, last);
    last = now;
    workedMs += active;
    if (active > idleMs || workedMs < worthMs) return;
    workedMs = 0;
    gc?.();
  };
  const timer = setInterval(look, everyMs).unref();
  return async () => clearInterval(timer);
}
