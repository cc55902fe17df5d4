import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import type { Config } from '../config/config.ts';
import { listOf } from '../config/schema.ts';
import { ApiError } from '../errors.ts';
import type { EventSink } from '../observability/events.ts';
import { envelope } from './error-handler.ts';
import type { Lifecycle } from './health.ts';
import { apiPolicy } from './security-headers.ts';

declare module 'fastify' {
  interface FastifyInstance {
    overload: Overload;
  }
}

/** What is refused for overload: it meets no hook, and is not in the log one by one. */
export interface Overload {
  /** How many since the start. */
  readonly refused: number;
  /** What part of requests is refused now, from 0 to 1. */
  readonly share: number;
}

export interface OverloadOptions extends Pick<Config, 'EVENT_LOOP_DELAY_MAX_MS' | 'CORS_ORIGINS'> {
  lifecycle: Lifecycle;
  /** Is told each refusal. */
  events: EventSink;
  /** Milliseconds that a statement handed in now would wait for a connection. */
  databaseWaitMs: () => number;
}

// Milliseconds between two looks
const sampleMs = 100;
const sayAgainAfterMs = 60_000;
// Seconds; those who were refused together must not come back together
const retryAfter = { least: 1, most: 3 };
// Milliseconds; who waits for a second gets no connection any more
const databaseWait = { least: 100, most: 600 };
// Some are served all the same, so that what is refused and what is late follow each other closely
const mostShare = 0.95;
const probes = new Set(['/livez', '/readyz', '/startupz']);

/**
 * Refuses requests with 503 OVERLOADED when the event loop is late, or when statements wait long for a connection to the
 * database: by chance, the more the longer. It stands before Fastify, since a refusal in a hook costs a third of what an answer
 * does, and at twice the load that can be carried nearly all is spent on refusals (docs/decisions/014).
 */
export default fp<OverloadOptions>(
  async (app, options) => {
    const shedding = new Shedding(app, options);
    app.decorate('overload', shedding);
    if (options.EVENT_LOOP_DELAY_MAX_MS === 0) return;
    // Told of no bound, it measures and does nothing else
    await app.register(underPressure, { sampleInterval: sampleMs });
    const timer = setInterval(() => shedding.look(), sampleMs).unref();
    app.addHook('onClose', async () => clearInterval(timer));
    // Events are not typed as far as that
    const listeners = app.server.listeners('request') as RequestListener[];
    app.server.removeAllListeners('request');
    app.server.on('request', (request, response) => {
      if (shedding.refuses(request)) shedding.refuse(request, response);
      else for (const listener of listeners) listener(request, response);
    });
  },
  { name: 'overload' },
);

// Refused before it is known what it asks for
const refusal = {
  type: 'request',
  method: null,
  route: null,
  status: 503,
  ms: null,
  errorCode: 'OVERLOADED',
} as const;

class Shedding implements Overload {
  readonly #app: FastifyInstance;
  readonly #options: OverloadOptions;
  readonly #origins: ReadonlySet<string>;
  readonly #body = JSON.stringify(envelope(new ApiError('OVERLOADED')));
  #refused = 0;
  #share = 0;
  #seenBefore = 0;
  #lookedAt = performance.now();
  #saidAt = Number.NEGATIVE_INFINITY;

  constructor(app: FastifyInstance, options: OverloadOptions) {
    this.#app = app;
    this.#options = options;
    this.#origins = new Set(listOf(options.CORS_ORIGINS));
  }

  get refused(): number {
    return this.#refused;
  }

  get share(): number {
    return this.#share;
  }

  look(): void {
    const now = performance.now();
    const lateMs = Math.max(0, now - this.#lookedAt - sampleMs);
    this.#lookedAt = now;
    const { eventLoopDelay } = this.#app.memoryUsage();
    // It says Infinity of a loop that turns more slowly than half of its interval: Node's histogram needs two turns
    const delayMs = Number.isFinite(eventLoopDelay) ? eventLoopDelay : lateMs;
    const waitMs = this.#options.databaseWaitMs();
    const most = this.#options.EVENT_LOOP_DELAY_MAX_MS;
    const seen = Math.max(shareOf(delayMs, { least: most / 4, most }), shareOf(waitMs, databaseWait));
    // One look that is bad is a pause, as after the start, or of the garbage collector: what is refused for it had been over
    const wanted = Math.min(seen, this.#seenBefore);
    this.#seenBefore = seen;
    // Half way each time: a look sees what the last one has made of it only later
    this.#share = wanted === 0 && this.#share < 0.02 ? 0 : (this.#share + wanted) / 2;
    if (this.#share === 0 || now - this.#saidAt < sayAgainAfterMs) return;
    this.#saidAt = now;
    const facts = { event_loop_delay_ms: Math.round(delayMs), database_wait_ms: Math.round(waitMs) };
    this.#app.log.warn(
      { ...facts, refused: this.#refused },
      'requests are refused: there are more than can be served',
    );
  }

  refuses({ url = '', method }: IncomingMessage): boolean {
    if (this.#share === 0 || this.#options.lifecycle.phase !== 'serving') return false;
    // A browser that is refused before its request cannot read why
    if (method === 'OPTIONS' || probes.has(url.split('?', 1)[0] ?? '')) return false;
    return Math.random() < this.#share;
  }

  refuse({ headers }: IncomingMessage, response: ServerResponse): void {
    this.#refused += 1;
    this.#options.events.emit(refusal);
    const { origin } = headers;
    response.writeHead(503, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(this.#body.length),
      'cache-control': 'no-store',
      'content-security-policy': apiPolicy,
      'x-content-type-options': 'nosniff',
      'retry-after': String(soon()),
      'x-request-id': randomUUID(),
      ...(origin !== undefined &&
        this.#origins.has(origin) && {
          'access-control-allow-origin': origin,
          'access-control-expose-headers': 'x-request-id, retry-after',
          vary: 'Origin',
        }),
    });
    response.end(this.#body);
  }
}

function shareOf(milliseconds: number, { least, most }: { least: number; most: number }): number {
  return Math.min(mostShare, Math.max(0, (milliseconds - least) / (most - least)));
}

function soon(): number {
  const { least, most } = retryAfter;
  return least + Math.floor(Math.random() * (most - least + 1));
}
