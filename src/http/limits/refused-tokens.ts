import type { FastifyRequest } from 'fastify';
import type { Counters } from './counters.ts';
import type { Exemption } from './guard.ts';

export interface RefusedTokensOptions {
  keyOf: (request: FastifyRequest) => string;
  windowSeconds: number;
  /** Whether this is a refresh token of ours that has not expired. */
  isOurs: (refreshToken: string) => boolean;
}

/**
 * Who holds a refresh token of ours that has not been refused yet is not held to what others have used up at the same
 * address: a right token is never limited.
 */
export class RefusedTokens implements Exemption {
  readonly #options: RefusedTokensOptions;
  readonly #counters: Counters;

  constructor(counters: Counters, options: RefusedTokensOptions) {
    this.#counters = counters;
    this.#options = options;
  }

  async holds(request: FastifyRequest): Promise<boolean> {
    const { isOurs, keyOf, windowSeconds } = this.#options;
    if (!isOurs(request.limitSubject)) return false;
    const { current } = await this.#counters.read(keyOf(request), windowSeconds * 1000);
    return current === 0;
  }

  async remember(request: FastifyRequest): Promise<void> {
    const { isOurs, keyOf, windowSeconds } = this.#options;
    if (isOurs(request.limitSubject)) await this.#counters.add(keyOf(request), windowSeconds * 1000);
  }
}
