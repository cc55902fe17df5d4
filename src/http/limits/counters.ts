import { createRequire } from 'node:module';
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
// The stores' maximum, beyond which a count may begin the window anew: where that is wanted, each does
const max = 0;

type Method = 'incr' | 'read';

export interface CountersOptions {
  /** Each count begins the window anew. */
  renewed?: boolean;
}

/** Counts under a key of its own, to find out whether that can be done. */
export function countingOn(redis: Redis): (callback: Callback<unknown>) => void {
  const store = new RedisStore(false, false, redis, prefix);
  return (callback) => store.incr(probeKey, callback, 1000, 1);
}

/**
 * What limits count in: in memory, and in Redis besides as long as that can be used. The higher count holds, so that none
 * goes down when Redis fails, forgets or returns. Never fails.
 */
export class Counters {
  readonly #memory: Store;
  readonly #shared: Store | undefined;
  readonly #link: RedisLink | undefined;

  constructor(link: RedisLink | undefined, { renewed = false }: CountersOptions = {}) {
    this.#link = link;
    this.#memory = new LocalStore(renewed, false, entriesInMemory);
    this.#shared = link && new RedisStore(renewed, false, link.redis, prefix);
  }

  /** What has been counted; at once when it is in memory alone: most who ask need no promise. */
  read(key: string, windowMs: number): Count | Promise<Count> {
    return this.#ask('read', key, windowMs);
  }

  /** Counts one more. */
  add(key: string, windowMs: number): Count | Promise<Count> {
    return this.#ask('incr', key, windowMs);
  }

  #ask(method: Method, key: string, windowMs: number): Count | Promise<Count> {
    const inMemory = this.#inMemory(method, key, windowMs);
    const link = this.#link;
    const shared = this.#shared;
    if (!link?.isUsable || !shared) return inMemory;
    return link
      .ask<Count>((done) => shared[method](key, done, windowMs, max))
      .then((elsewhere) => (elsewhere && elsewhere.current >= inMemory.current ? elsewhere : inMemory));
  }

  #inMemory(method: Method, key: string, windowMs: number): Count {
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
