import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import type { Config } from '../config/config.ts';
import { listOf } from '../config/schema.ts';
import { ApiError } from '../errors.ts';
import type { EventSink } from '../observability/events.ts';
import { envelope } from './error-handler.ts';
import { type Lifecycle, probePaths } from './health.ts';
import { requestId } from './request-id.ts';
import { pathOf } from './request-target.ts';
import { exposedHeaders, isPreflight, securityHeaders } from './security-headers.ts';

declare module 'fastify' {
  interface FastifyInstance {
    overload: Overload;
  }
}

/** What is refused for overload: it meets no hook, and is not in the log one by one. */
export interface Overload {
  /** What part of requests is refused now, from 0 to 1. */
  readonly share: number;
}

export interface OverloadOptions extends Pick<Config, 'EVENT_LOOP_DELAY_MAX_MS' | 'CORS_ORIGINS'> {
  lifecycle: Lifecycle;
  /** Is told each refusal. */
  events: EventSink;
  /** Milliseconds that a statement handed in now would wait for a connection; asked once all plugins are there. */
  databaseWaitMs: () => number;
}

// Milliseconds between two looks
const sampleMs = 100;
// Seconds; those who were refused together must not come back together
const retryAfter = { least: 1, most: 3 };
// Milliseconds; who waits for a second gets no connection any more. Some hundred clients that ask again as soon as they are
// answered wait for less than the least
const databaseWait = { least: 100, most: 400 };
// Some are served all the same, so that what is refused and what is late follow each other closely
const mostShare = 0.95;
// So many at once, or between two looks, are no overload, however late the event loop is: a machine that gives the process too
// little time is not helped by refusing them
const fewRequests = 8;
// Milliseconds without a refusal after which it is over
const quietMs = 10_000;

/**
 * Refuses requests with 503 OVERLOADED when the event loop is late, or when statements wait long for a connection to the
 * database: by chance, the more the longer. It stands before Fastify, since a refusal in a hook costs a third of what an answer
 * does, and at twice the load that can be carried nearly all is spent on refusals (docs/decisions/014).
 */
export default fp<OverloadOptions>(
  async (app, options) => {
    const shedding = new Shedding(app, options, securityHeaders());
    app.decorate('overload', shedding);
    if (options.EVENT_LOOP_DELAY_MAX_MS === 0) return;
    // Told of no bound, it measures and does nothing else
    await app.register(underPressure, { sampleInterval: sampleMs });
    app.addHook('onReady', async () => shedding.start());
    app.addHook('onClose', async () => shedding.stop());
    // Events are not typed as far as that
    const listeners = app.server.listeners('request') as RequestListener[];
    app.server.removeAllListeners('request');
    app.server.on('request', (request, response) => {
      if (shedding.refuses(request)) return shedding.refuse(request, response);
      shedding.admit(response);
      for (const listener of listeners) listener(request, response);
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
  /** Names and values in turn: Node writes them as they are, which makes a refusal cost half. */
  readonly #headers: readonly string[];
  readonly #body = JSON.stringify(envelope(new ApiError('OVERLOADED')));
  readonly #leave = () => {
    this.#inProgress -= 1;
  };
  #timer: NodeJS.Timeout | undefined;
  #inProgress = 0;
  #arrived = 0;
  #arrivedBefore = 0;
  #share = 0;
  #seenBefore = 0;
  #lookedAt = 0;
  #facts = {};
  /** Since it was said that requests are refused. */
  #said: { at: number; lastAt: number; refused: number } | undefined;

  constructor(app: FastifyInstance, options: OverloadOptions, headers: Record<string, string>) {
    this.#app = app;
    this.#options = options;
    this.#origins = new Set(listOf(options.CORS_ORIGINS));
    this.#headers = Object.entries({
      ...headers,
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(this.#body.length),
      'cache-control': 'no-store',
    }).flat();
  }

  get share(): number {
    return this.#share;
  }

  start(): void {
    this.#lookedAt = performance.now();
    this.#timer = setInterval(() => this.#look(), sampleMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  admit(response: ServerResponse): void {
    this.#inProgress += 1;
    // It is emitted once; `once` would cost more
    response.on('close', this.#leave);
  }

  refuses(request: IncomingMessage): boolean {
    this.#arrived += 1;
    if (this.#share === 0) return false;
    if (Math.max(this.#inProgress, this.#arrived, this.#arrivedBefore) < fewRequests) return false;
    if (this.#options.lifecycle.phase !== 'serving') return false;
    // A browser that is refused before its request cannot read why
    if (request.method === 'OPTIONS' && isPreflight(request) && this.#shares(request.headers.origin))
      return false;
    if (probePaths.has(pathOf(request.url ?? ''))) return false;
    return Math.random() < this.#share;
  }

  refuse({ headers }: IncomingMessage, response: ServerResponse): void {
    this.#count();
    const { origin } = headers;
    const mine = ['retry-after', String(soon()), 'x-request-id', requestId({ headers })];
    const shared = this.#shares(origin) ? sharedWith(origin) : [];
    response.writeHead(503, [...this.#headers, ...mine, ...shared]);
    response.end(this.#body);
  }

  #shares(origin: string | undefined): origin is string {
    return origin !== undefined && this.#origins.has(origin);
  }

  #look(): void {
    const now = performance.now();
    const elapsedMs = now - this.#lookedAt;
    this.#lookedAt = now;
    this.#arrivedBefore = this.#arrived;
    this.#arrived = 0;
    const { eventLoopDelay } = this.#app.memoryUsage();
    // It says Infinity of a loop that turns more slowly than half of its interval, as Node's histogram needs two turns; this
    // timer may then be late, or every turn may end just in time for it
    const delayMs = Number.isFinite(eventLoopDelay)
      ? eventLoopDelay
      : Math.max(elapsedMs - sampleMs, elapsedMs / 2);
    const waitMs = this.#options.databaseWaitMs();
    const most = this.#options.EVENT_LOOP_DELAY_MAX_MS;
    const seen = Math.max(shareOf(delayMs, { least: most / 4, most }), shareOf(waitMs, databaseWait));
    // One look that is bad is a pause, as after the start, or of the garbage collector: what is refused for it had been over
    const wanted = Math.min(seen, this.#seenBefore);
    this.#seenBefore = seen;
    // Half way each time: a look sees what the last one has made of it only later
    this.#share = wanted === 0 && this.#share < 0.02 ? 0 : (this.#share + wanted) / 2;
    this.#facts = { event_loop_delay_ms: Math.round(delayMs), database_wait_ms: Math.round(waitMs) };
    if (this.#said && now - this.#said.lastAt > quietMs) this.#over(this.#said);
  }

  #count(): void {
    this.#options.events.emit(refusal);
    const now = performance.now();
    if (this.#said === undefined) {
      this.#said = { at: now, lastAt: now, refused: 0 };
      this.#app.log.warn(this.#facts, 'requests are refused: there are more than can be served in time');
    }
    this.#said.lastAt = now;
    this.#said.refused += 1;
  }

  #over({ at, lastAt, refused }: { at: number; lastAt: number; refused: number }): void {
    this.#said = undefined;
    const seconds = Math.round((lastAt - at) / 100) / 10;
    this.#app.log.info({ refused, seconds }, 'requests are no longer refused');
  }
}

function sharedWith(origin: string): string[] {
  const exposed = exposedHeaders.join(', ');
  return ['access-control-allow-origin', origin, 'access-control-expose-headers', exposed, 'vary', 'Origin'];
}

function shareOf(milliseconds: number, { least, most }: { least: number; most: number }): number {
  return Math.min(mostShare, Math.max(0, (milliseconds - least) / (most - least)));
}

function soon(): number {
  const { least, most } = retryAfter;
  return least + Math.floor(Math.random() * (most - least + 1));
}
