import type { FastifyRequest } from 'fastify';
import { LruMap } from 'toad-cache';
import type { Counters } from './counters.ts';
import type { Exemption } from './guard.ts';

const rememberedMs = 30 * 24 * 3_600_000;
// Within this time a success need not be remembered again
const freshMs = 3_600_000;
const entriesInMemory = 20_000;

export interface FamiliarOptions {
  /** Names the account and the address. */
  keyOf: (request: FastifyRequest) => string;
  /** What else tells that they belong together; may wait for the database. */
  otherwise: (request: FastifyRequest) => Promise<boolean>;
}

/**
 * The addresses from which an account has shown the right secret in the last 30 days. Whoever guesses from elsewhere cannot use
 * up what the owner has left there.
 */
export class Familiar implements Exemption {
  readonly #options: FamiliarOptions;
  readonly #counters: Counters;
  readonly #fresh = new LruMap<true>(entriesInMemory, freshMs);

  /** The counters are renewed: a count that each success renews is a memory; at 0 it was not there, or too long ago. */
  constructor(counters: Counters, options: FamiliarOptions) {
    this.#counters = counters;
    this.#options = options;
  }

  async isKnown(request: FastifyRequest): Promise<boolean> {
    const key = this.#options.keyOf(request);
    if (this.#fresh.get(key)) return true;
    const { current } = await this.#counters.read(key, rememberedMs);
    return current > 0;
  }

  async holds(request: FastifyRequest): Promise<boolean> {
    if (await this.isKnown(request)) return true;
    const known = await this.#options.otherwise(request);
    if (known) await this.remember(request);
    return known;
  }

  async remember(request: FastifyRequest): Promise<void> {
    const key = this.#options.keyOf(request);
    if (this.#fresh.get(key)) return;
    this.#fresh.set(key, true);
    await this.#counters.add(key, rememberedMs);
  }
}
