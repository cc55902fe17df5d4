import type { Pool, PoolClient } from 'pg';

// Of the last so many uses of a connection, about
const remembered = 8;

/** How long statements wait for a connection of the pool, as far as can be told from how long the last ones had theirs. */
export class PoolWait {
  readonly #pool: Pick<Pool, 'waitingCount' | 'options'>;
  readonly #acquired = new WeakMap<PoolClient, number>();
  #inUse = 0;
  #heldMs = 0;

  constructor(pool: Pick<Pool, 'waitingCount' | 'options' | 'on'>) {
    this.#pool = pool;
    pool.on('acquire', (client) => {
      this.#inUse += 1;
      this.#acquired.set(client, performance.now());
    });
    pool.on('release', (_error, client) => {
      this.#inUse -= 1;
      const since = this.#acquired.get(client);
      if (since !== undefined) this.#heldMs += (performance.now() - since - this.#heldMs) / remembered;
    });
  }

  /**
   * Milliseconds that a statement handed in now would wait, by Little's law. A connection that is being opened counts as one
   * that serves: one that takes long, or never comes back, has other bounds. While none is in use, nothing is waited for but
   * that; how long the last ones had theirs, as in a database that hung, says nothing then.
   */
  estimateMs(): number {
    if (this.#inUse === 0) return 0;
    return (this.#pool.waitingCount * this.#heldMs) / this.#pool.options.max;
  }
}
