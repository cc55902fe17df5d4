import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/** Waits until then, by performance.now(), and never less: a timer may fire up to a millisecond early. */
export async function untilDue(due) {
  for (let left = due - performance.now(); left > 0; left = due - performance.now()) await sleep(left);
}
