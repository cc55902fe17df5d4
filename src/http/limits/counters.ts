import { createRequire } from 'node:module';
import type { FastifyRateLimitOptions, FastifyRateLimitStore } from '@fastify/rate-limit';
import type { Redis } from 'ioredis';
import type { Callback, RedisLink } from './redis-link.ts';

export interface Count {
  current: number;
  /** Milliseconds until the window ends. */
  ttl: number;
}

/** A store of @fastify/rate-limit, as it is and not as it is typed. */
interface Store {
  incr(key: string, callback: Callback<Count>, windowMs: number, max: number): void;
  read(key: string, callback: Callback<Count>, windowMs: number, max: number): void;
}

type LocalStore = new (startsAnewWhenExceeded: boolean, backsOff: boolean, entries: number) => Store;
type RedisStore = new (
  startsAnewWhenExceeded: boolean,
  backsOff: boolean,
  redis: Redis,
  prefix: string,
) => Store;

// The package's own stores, which it neither exports by name nor types
const require = createRequire(import.meta.url);
const LocalStore = require('@fastify/rate-limit/store/LocalStore.js') as LocalStore;
const RedisStore = require('@fastify/rate-limit/store/RedisStore.js') as RedisStore;

/** Of each limit in memory, about 300 bytes each; the key that was used the longest ago makes room. */
const entriesInMemory = 20_000;
const prefix = 'gatehouse:limit:';
const probeKey = 'probe';

type Method = 'incr' | 'read';

interface LimitOptions {
  continueExceeding?: boolean;
}

/** Counts under a key of its own, to find out whether that can be done. */
export function countingOn(redis: Redis): (callback: Callback<unknown>) => void {
  const store = new RedisStore(false, false, redis, prefix);
  return (callback) => store.incr(probeKey, callback, 1000, 1);
}

/**
 * The store that limits count in: in memory, and in Redis besides as long as that can be used. The higher count holds, so
 * that none goes down when Redis fails, forgets or returns. Never fails.
 */
export function countersOn(link: RedisLink | undefined): new (options: FastifyRateLimitOptions) => Counters {
  return class extends Counters {
    constructor(options: FastifyRateLimitOptions) {
      super(options as LimitOptions, link);
    }
  };
}

export class Counters implements FastifyRateLimitStore, Store {
  readonly #memory: Store;
  readonly #shared: Store | undefined;
  readonly #link: RedisLink | undefined;

  constructor({ continueExceeding = false }: LimitOptions, link: RedisLink | undefined) {
    this.#link = link;
    this.#memory = new LocalStore(continueExceeding, false, entriesInMemory);
    this.#shared = link && new RedisStore(continueExceeding, false, link.redis, prefix);
  }

  child(options: object): Counters {
    return new Counters(options, this.#link);
  }

  incr(...args: Parameters<Store['incr']>): void {
    this.#tell('incr', ...args);
  }

  read(...args: Parameters<Store['read']>): void {
    this.#tell('read', ...args);
  }

  /** What the store tells, at once when it is in memory alone: most who ask need no promise. */
  ask(method: Method, key: string, windowMs: number, max: number): Count | Promise<Count> {
    const inMemory = this.#inMemory(method, key, windowMs, max);
    const link = this.#link;
    const shared = this.#shared;
    if (!link?.isUsable || !shared) return inMemory;
    return link
      .ask<Count>((done) => shared[method](key, done, windowMs, max))
      .then((elsewhere) => (elsewhere && elsewhere.current >= inMemory.current ? elsewhere : inMemory));
  }

  #tell(method: Method, key: string, callback: Callback<Count>, windowMs: number, max: number): void {
    const count = this.ask(method, key, windowMs, max);
    if (count instanceof Promise) void count.then((each) => callback(null, each));
    else callback(null, count);
  }

  #inMemory(method: Method, key: string, windowMs: number, max: number): Count {
    let count: Count = { current: 0, ttl: 0 };
    const take: Callback<Count> = (_error, own = count) => {
      // The store changes what it has given out
      count = { current: own.current, ttl: own.ttl };
    };
    // It never fails, and calls back before it returns
    this.#memory[method](key, take, windowMs, max);
    return count;
  }
}
