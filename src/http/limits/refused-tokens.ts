import type { FastifyInstance, FastifyRequest } from 'fastify';
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
  readonly #apply: ReturnType<FastifyInstance['createRateLimit']>;

  constructor(app: FastifyInstance, options: RefusedTokensOptions) {
    this.#options = options;
    const { keyOf: keyGenerator, windowSeconds } = options;
    this.#apply = app.createRateLimit({ max: 0, timeWindow: windowSeconds * 1000, keyGenerator });
  }

  async holds(request: FastifyRequest): Promise<boolean> {
    if (!this.#options.isOurs(request.limitSubject)) return false;
    const state = await this.#apply(request, { increment: false });
    return !state.isAllowed && !state.isExceeded;
  }

  async remember(request: FastifyRequest): Promise<void> {
    if (this.#options.isOurs(request.limitSubject)) await this.#apply(request);
  }
}
