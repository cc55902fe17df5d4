import type { FastifyBaseLogger } from 'fastify';
import type { Redis } from 'ioredis';

/** Milliseconds; what Redis may take before this process goes on without it. */
export const redisBoundMs = 250;
const probeEveryMs = 500;
// One that comes and goes is not told of each time
const sameLossMs = 60_000;

type Log = Pick<FastifyBaseLogger, 'info' | 'warn'>;

export type Callback<T> = (error: Error | null, result?: T) => void;

/**
 * A Redis that may fail. Nobody waits for it longer than redisBoundMs, and once it has failed, nobody waits at all until it
 * answers again, which a probe finds out.
 */
export class RedisLink {
  readonly redis: Redis;
  readonly #log: Log;
  readonly #probing: NodeJS.Timeout;
  #isUsable = false;
  #lostAt = Number.NEGATIVE_INFINITY;

  private constructor(redis: Redis, log: Log) {
    this.redis = redis;
    this.#log = log;
    this.#probing = setInterval(() => void this.#probe(), probeEveryMs).unref();
    redis.on('close', () => this.#lost(new Error('the connection has ended')));
    // Without a listener, ioredis writes to the console. What it says is in what commands and probes are told
    redis.on('error', () => {});
  }

  /** Resolves within redisBoundMs, whether or not Redis is there; the driver is loaded only now. */
  static async open(url: string, log: Log): Promise<RedisLink> {
    const { Redis } = await import('ioredis');
    const redis = new Redis(url, {
      connectionName: 'gatehouse',
      // What cannot be sent at once fails at once
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      maxRetriesPerRequest: 0,
      commandTimeout: redisBoundMs,
      connectTimeout: 2000,
      // Of a host that has gone without a word
      socketTimeout: 5000,
      retryStrategy: () => probeEveryMs * (0.75 + Math.random() / 2),
    });
    const link = new RedisLink(redis, log);
    const ready = new Promise<void>((resolve) => {
      redis.once('ready', resolve);
      setTimeout(resolve, redisBoundMs);
    });
    await ready;
    await link.#probe();
    return link;
  }

  get isUsable(): boolean {
    return this.#isUsable;
  }

  /** What the command gives; undefined when Redis cannot be used, at once, or after redisBoundMs when it has just failed. */
  ask<T>(command: (callback: Callback<T>) => void): Promise<T | undefined> {
    if (!this.#isUsable) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      command((error, result) => {
        if (error) this.#lost(error);
        resolve(error ? undefined : result);
      });
    });
  }

  close(): void {
    clearInterval(this.#probing);
    this.redis.removeAllListeners('close');
    this.redis.disconnect();
  }

  async #probe(): Promise<void> {
    try {
      await this.redis.ping();
      if (!this.#isUsable) this.#found();
    } catch (error) {
      this.#lost(error);
    }
  }

  #found(): void {
    this.#isUsable = true;
    this.#log.info('rate limits are shared by Redis');
  }

  #lost(error: unknown): void {
    const isFirst = this.#isUsable || this.#lostAt === Number.NEGATIVE_INFINITY;
    this.#isUsable = false;
    if (!isFirst) return;
    const now = performance.now();
    if (now - this.#lostAt > sameLossMs)
      this.#log.warn({ err: error }, 'Redis cannot be used: rate limits are counted in memory until it can');
    this.#lostAt = now;
  }
}
