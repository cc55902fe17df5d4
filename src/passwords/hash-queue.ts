import { ApiError } from '../errors.ts';
import type { EventSink } from '../observability/events.ts';

/** What a worker reports about the work it did. */
export interface MeasuredWork {
  /** Milliseconds the computation took in its thread. */
  durationMs: number;
  /** How many hashes at the configured cost that was worth; a hash of one cost less is half a one. */
  hashes: number;
}

export interface HashQueueOptions {
  threads: number;
  /** Milliseconds a request may be expected to wait before it is refused. */
  maxWaitMs: number;
  /** Milliseconds for one hash at the configured cost, until real ones have been seen. */
  msPerHash: number;
  /** Told of every work that is done, and of every one that is refused. */
  events?: EventSink | undefined;
}

interface Waiting {
  start(): void;
  leave(reason: unknown): void;
}

/** The weight of the newest duration in the mean: about ten of them replace what was known. */
const newestWeight = 0.2;

const spreadSeconds = 3;

/**
 * First come, first served, for as many at once as there are threads, and only for those who will not wait long:
 * a login that cannot be answered in time is better refused now than computed for somebody who has left.
 *
 * It stands before piscina rather than being piscina's own queue, because an abort signal given to piscina kills
 * the thread when the task is already running, and because the wait depends on the hashes owed, not on the number of tasks.
 */
export class HashQueue {
  readonly threads: number;
  readonly #maxWaitMs: number;
  readonly #waiting = new Set<Waiting>();
  readonly #running = new Map<Promise<void>, { since: number; hashes: number }>();
  readonly #events: EventSink | undefined;
  #msPerHash: number;
  #owed = 0;
  #closed = false;

  constructor(options: HashQueueOptions) {
    this.threads = options.threads;
    this.#maxWaitMs = options.maxWaitMs;
    this.#msPerHash = options.msPerHash;
    this.#events = options.events;
  }

  /** Admitted and not yet started. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Exponentially weighted mean of real durations, in milliseconds. */
  get msPerHash(): number {
    return this.#msPerHash;
  }

  /** Milliseconds that work handed in now would wait for a thread; what is running counts as not begun. */
  estimatedWaitMs(): number {
    if (this.#running.size < this.threads) return 0;
    return (this.#owed * this.#msPerHash) / this.threads + this.#overrunMs();
  }

  /** Milliseconds by which all that runs is late, once nobody is let wait so long: by then the threads get next to none of the cores. */
  #overrunMs(): number {
    const now = performance.now();
    const late = [...this.#running.values()].map(
      ({ since, hashes }) => now - since - hashes * this.#msPerHash,
    );
    const least = Math.min(...late);
    return least > this.#maxWaitMs ? least : 0;
  }

  /**
   * Does the work when its turn comes.
   *
   * When the signal fires, waiting work leaves the queue; running work finishes and gives its result, as what was found out
   * of somebody who has gone may still count.
   *
   * @param hashes what the work will cost at most, in hashes at the configured cost
   * @throws ApiError PASSWORD_HASHING_BUSY with retryAfter (seconds) at once, when the wait would be too long
   * @throws ApiError SHUTTING_DOWN once closed
   * @throws the signal's reason when it fires before the work has started
   */
  async run<T extends MeasuredWork>(
    hashes: number,
    work: () => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    signal?.throwIfAborted();
    if (this.#closed) throw new ApiError('SHUTTING_DOWN');
    const waitMs = this.estimatedWaitMs();
    if (waitMs > this.#maxWaitMs) {
      this.#events?.emit({ type: 'hash_rejection' });
      throw new ApiError('PASSWORD_HASHING_BUSY', { retryAfter: soon(waitMs) });
    }
    this.#owed += hashes;
    return this.#enqueue(hashes, work, signal);
  }

  /** Refuses whatever has not started, and resolves when what has is done: one hash time at most per task. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const entry of this.#waiting) entry.leave(new ApiError('SHUTTING_DOWN'));
    await Promise.all(this.#running.keys());
  }

  #enqueue<T extends MeasuredWork>(
    hashes: number,
    work: () => Promise<T>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const admittedAt = performance.now();
    return new Promise<T>((resolve, reject) => {
      const settle = () => {
        signal?.removeEventListener('abort', onAbort);
        this.#owed -= hashes;
      };
      const entry: Waiting = {
        start: () => {
          this.#waiting.delete(entry);
          const since = performance.now();
          const running = this.#measure(work, since - admittedAt)
            .finally(() => {
              settle();
              this.#running.delete(running);
              this.#startNext();
            })
            .then(resolve, reject);
          this.#running.set(running, { since, hashes });
        },
        leave: (reason) => {
          this.#waiting.delete(entry);
          settle();
          reject(reason);
        },
      };
      const onAbort = () => {
        if (this.#waiting.has(entry)) entry.leave(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort);
      this.#waiting.add(entry);
      this.#startNext();
    });
  }

  async #measure<T extends MeasuredWork>(work: () => Promise<T>, waitedMs: number): Promise<T> {
    const done = await work();
    this.#events?.emit({ type: 'hash', waitedMs, tookMs: done.durationMs });
    if (done.hashes > 0) {
      this.#msPerHash += newestWeight * (done.durationMs / done.hashes - this.#msPerHash);
    }
    return done;
  }

  #startNext(): void {
    for (const entry of this.#waiting) {
      if (this.#running.size >= this.threads) return;
      entry.start();
    }
  }
}

/** Seconds; those who were refused together must not come back together. */
function soon(waitMs: number): number {
  return Math.ceil(waitMs / 1000) + Math.floor(Math.random() * spreadSeconds);
}
