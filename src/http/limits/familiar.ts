import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LruMap } from 'toad-cache';
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
  readonly #apply: ReturnType<FastifyInstance['createRateLimit']>;
  readonly #fresh = new LruMap<true>(entriesInMemory, freshMs);

  constructor(app: FastifyInstance, options: FamiliarOptions) {
    this.#options = options;
    const { keyOf: keyGenerator } = options;
    // A count that each success renews is a memory: at 0 it was not there, or too long ago
    const counters = { max: 0, timeWindow: rememberedMs, continueExceeding: true, keyGenerator };
    this.#apply = app.createRateLimit(counters);
  }

  async isKnown(request: FastifyRequest): Promise<boolean> {
    if (this.#fresh.get(this.#options.keyOf(request))) return true;
    const state = await this.#apply(request, { increment: false });
    return !state.isAllowed && state.isExceeded;
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
    await this.#apply(request);
  }
}
