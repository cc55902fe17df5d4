import type { FastifyBaseLogger } from 'fastify';
import type { Redis } from 'ioredis';

/** Milliseconds; what Redis may take before this process goes on without it. */
export const redisBoundMs = 250;
const probeEveryMs = 500;
// One that comes and goes is not told of each time
const sameLossMs = 60_000;

type Log = Pick<FastifyBaseLogger, 'info' | 'warn'>;

export type Callback<T> = (error: Error | null, result?: T) => void;

export interface RedisLinkOptions {
  log: Log;
  /** What a probe does: the same that is done with it, as a Redis may answer and yet take nothing. */
  attempt: (redis: Redis) => (callback: Callback<unknown>) => void;
}

/**
 * A Redis that may fail. Nobody waits for it longer than redisBoundMs, and once it has failed, nobody waits at all until it
 * answers again, which a probe finds out.
 */
export class RedisLink {
  readonly redis: Redis;
  readonly #log: Log;
  readonly #attempt: (callback: Callback<unknown>) => void;
  readonly #probing: NodeJS.Timeout;
  #isUsable = false;
  #isLossSaid = false;
  #saidAt = Number.NEGATIVE_INFINITY;

  private constructor(redis: Redis, { log, attempt }: RedisLinkOptions) {
    this.redis = redis;
    this.#log = log;
    this.#attempt = attempt(redis);
    this.#probing = setInterval(() => void this.#probe(), probeEveryMs).unref();
    // Told before 'close', when there is a reason for it
    let reason: Error | undefined;
    redis.on('error', (error) => {
      reason = error;
    });
    redis.on('close', () => {
      this.#lost(reason ?? new Error('the connection has ended'));
      reason = undefined;
    });
  }

  /** Resolves within redisBoundMs, whether or not Redis is there; the driver is loaded only now. */
  static async open(url: string, options: RedisLinkOptions): Promise<RedisLink> {
    const { Redis } = await import('ioredis');
    const redis = new Redis(url, {
      connectionName: 'gatehouse',
      disableClientInfo: true,
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
    const link = new RedisLink(redis, options);
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
    // Why there is no connection, the end of the last one says
    if (this.redis.status !== 'ready') return;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#attempt((error) => (error ? reject(error) : resolve()));
      });
      if (!this.#isUsable) this.#found();
    } catch (error) {
      this.#lost(error);
    }
  }

  #found(): void {
    this.#isUsable = true;
    if (this.#isLossSaid || this.#saidAt === Number.NEGATIVE_INFINITY)
      this.#log.info('rate limits are shared by Redis');
    this.#isLossSaid = false;
  }

  #lost(error: unknown): void {
    this.#isUsable = false;
    const now = performance.now();
    if (this.#isLossSaid || now - this.#saidAt <= sameLossMs) return;
    this.#saidAt = now;
    this.#isLossSaid = true;
    this.#log.warn({ err: error }, 'Redis cannot be used: rate limits are counted in memory until it can');
  }
}
