import type { Pool } from 'pg';

// Milliseconds for which statements must have been waiting before it is known how fast they get their turn
const windowMs = 100;
// Milliseconds without a connection given back after which what was known says nothing any more
const forgottenMs = 1000;

/** How long statements wait for a connection of the pool, as far as can be told from how fast connections are given back. */
export class PoolWait {
  readonly #pool: Pick<Pool, 'waitingCount'>;
  #since = 0;
  #released = 0;
  #perMs = 0;

  constructor(pool: Pick<Pool, 'waitingCount' | 'on'>) {
    this.#pool = pool;
    pool.on('release', () => {
      this.#released += 1;
    });
  }

  /**
   * Milliseconds that a statement handed in now would wait. 0 as long as nothing is known of it: none has been waiting for a while,
   * or no connection has come back for a second, for which there are other bounds.
   */
  estimateMs(): number {
    const waiting = this.#pool.waitingCount;
    const now = performance.now();
    const elapsed = now - this.#since;
    if (waiting === 0) this.#begin(now, 0);
    else if (elapsed >= (this.#released > 0 ? windowMs : forgottenMs))
      // Statements that began together end together: a time between their ends does not count by itself
      this.#begin(now, this.#released / elapsed);
    return this.#perMs === 0 ? 0 : waiting / this.#perMs;
  }

  #begin(now: number, perMs: number): void {
    this.#since = now;
    this.#released = 0;
    this.#perMs = perMs;
  }
}
