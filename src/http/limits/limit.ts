import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from '../../errors.ts';
import type { LimitName } from '../../observability/events.ts';

/** What a key has left in its window. */
export interface Allowance {
  limit: LimitName;
  max: number;
  remaining: number;
  /** Seconds until the window ends; 0 when nothing has been counted. */
  resetSeconds: number;
}

export interface LimitOptions {
  name: LimitName;
  /** How many may be counted in one window. */
  max: number;
  windowSeconds: number;
  keyOf: (request: FastifyRequest) => string;
}

/**
 * One limit, on the counters of @fastify/rate-limit. What is counted is known only after the work, while its routes' hooks
 * count each request before: so it is asked by its function `createRateLimit`, once to read and once to count.
 */
export class Limit {
  readonly #name: LimitName;
  readonly #windowSeconds: number;
  readonly #apply: ReturnType<FastifyInstance['createRateLimit']>;

  constructor(app: FastifyInstance, { name, max, windowSeconds, keyOf }: LimitOptions) {
    this.#name = name;
    this.#windowSeconds = windowSeconds;
    this.#apply = app.createRateLimit({ max, timeWindow: windowSeconds * 1000, keyGenerator: keyOf });
  }

  read(request: FastifyRequest): Promise<Allowance> {
    return this.#ask(request, false);
  }

  count(request: FastifyRequest): Promise<Allowance> {
    return this.#ask(request, true);
  }

  async #ask(request: FastifyRequest, increment: boolean): Promise<Allowance> {
    const state = await this.#apply(request, { increment });
    // Only with a list of those who are always allowed
    if (state.isAllowed) throw new Error('nobody is exempt from all limits');
    return {
      limit: this.#name,
      max: state.max,
      remaining: state.remaining,
      // Another service that uses the same Redis may have written anything
      resetSeconds: Math.min(this.#windowSeconds, Math.max(0, state.ttlInSeconds)),
    };
  }
}

/** The fields of draft-ietf-httpapi-ratelimit-headers-05, as @fastify/rate-limit names them. */
export function headersOf({ max, remaining, resetSeconds }: Allowance): Record<string, number> {
  return { 'ratelimit-limit': max, 'ratelimit-remaining': remaining, 'ratelimit-reset': resetSeconds };
}

export function limited({ limit, resetSeconds }: Allowance): ApiError {
  return new ApiError('RATE_LIMITED', { retryAfter: Math.max(1, resetSeconds), cause: limit });
}

/** The one among those that have nothing left which lasts the longest. */
export function usedUp(allowances: readonly Allowance[]): Allowance | undefined {
  const [longest] = allowances
    .filter(({ remaining }) => remaining === 0)
    .sort((a, b) => b.resetSeconds - a.resetSeconds);
  return longest;
}
