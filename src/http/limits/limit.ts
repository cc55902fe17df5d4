import type { FastifyRequest } from 'fastify';
import { ApiError } from '../../errors.ts';
import type { LimitName } from '../../observability/events.ts';
import type { Count, Counters } from './counters.ts';

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
 * One limit. What is counted is known only after the work, while @fastify/rate-limit counts each request before; so its stores
 * are asked here, once to read and once to count.
 */
export class Limit {
  readonly #options: LimitOptions;
  readonly #counters: Counters;

  constructor(counters: Counters, options: LimitOptions) {
    this.#counters = counters;
    this.#options = options;
  }

  /** At once, unless the counters have to be asked elsewhere. */
  read(request: FastifyRequest): Allowance | Promise<Allowance> {
    return this.#ask(request, 'read');
  }

  count(request: FastifyRequest): Allowance | Promise<Allowance> {
    return this.#ask(request, 'add');
  }

  #ask(request: FastifyRequest, method: 'read' | 'add'): Allowance | Promise<Allowance> {
    const { keyOf, windowSeconds } = this.#options;
    const count = this.#counters[method](keyOf(request), windowSeconds * 1000);
    return count instanceof Promise ? count.then((each) => this.#left(each)) : this.#left(count);
  }

  #left({ current, ttl }: Count): Allowance {
    const { name, windowSeconds, max } = this.#options;
    return {
      limit: name,
      max,
      remaining: Math.max(0, max - current),
      // Another service that uses the same Redis may have written anything
      resetSeconds: Math.min(windowSeconds, Math.max(0, Math.ceil(ttl / 1000))),
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
