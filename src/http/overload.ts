import underPressure from '@fastify/under-pressure';
import type { FastifyBaseLogger, FastifyInstance, onRequestHookHandler } from 'fastify';
import fp from 'fastify-plugin';
import type { Config } from '../config/config.ts';
import { ApiError } from '../errors.ts';

// Milliseconds between two looks at the event loop
const sampleMs = 200;
const sayAgainAfterMs = 60_000;
// Some are served all the same, so that what is refused, and what is late, follow each other closely
const mostShare = 0.9;
// Seconds; those who were refused together must not come back together
const retryAfter = { least: 1, most: 3 };
// Milliseconds; who waits for a second gets no connection any more
const databaseWaitMs = { least: 200, most: 800 };

/** For routes that are served however slow the event loop is. */
export const alwaysServed = { pressureHandler: () => undefined };

/**
 * Refuses requests with 503 OVERLOADED before anything is done for them when the event loop is late: from a quarter of
 * EVENT_LOOP_DELAY_MAX_MS on some of them by chance, the more the later it is, and from that delay on nine in ten. To refuse
 * all from one delay on, as @fastify/under-pressure does by itself, makes a service that is idle and overloaded in turn.
 */
export default fp<Pick<Config, 'EVENT_LOOP_DELAY_MAX_MS'>>(
  async (app, { EVENT_LOOP_DELAY_MAX_MS: most }) => {
    if (most === 0) return;
    const shed = shedding({ least: most / 4, most }, app.log, 'the event loop is late');
    const lateMs = lateness(app);
    await app.register(underPressure, {
      maxEventLoopDelay: most / 4,
      sampleInterval: sampleMs,
      pressureHandler: (_request, _reply, _type, delay = 0) =>
        shed(Number.isFinite(delay) ? delay : lateMs()),
    });
  },
  { name: 'overload', dependencies: ['error-handler', 'security-headers'] },
);

/**
 * How late a timer was, in milliseconds. @fastify/under-pressure says Infinity of an event loop that turns more slowly than about
 * half of its interval, as Node's histogram needs two turns after each reset.
 */
function lateness(app: FastifyInstance): () => number {
  let seenAt = performance.now();
  let late = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    late = Math.max(0, now - seenAt - sampleMs);
    seenAt = now;
  }, sampleMs).unref();
  app.addHook('onClose', async () => clearInterval(timer));
  return () => late;
}

/**
 * The same for requests that would wait long for a connection to the database. On few connections their queue is what grows
 * first, long before the event loop is late.
 *
 * @param waitMs how long a statement that is handed in now would wait
 */
export function refuseLongWaits(waitMs: () => number, log: FastifyBaseLogger): onRequestHookHandler {
  const shed = shedding(databaseWaitMs, log, 'statements wait for a connection to the database');
  return (_request, _reply, done) => {
    shed(waitMs());
    done();
  };
}

/** Throws by chance: never up to the least, and in the greatest share of all cases from the most on. */
function shedding(
  { least, most }: { least: number; most: number },
  log: Pick<FastifyBaseLogger, 'warn'>,
  why: string,
): (milliseconds: number) => void {
  let saidAt = Number.NEGATIVE_INFINITY;
  return (milliseconds) => {
    const share = Math.min(mostShare, (milliseconds - least) / (most - least));
    if (Math.random() >= share) return;
    const delay_ms = Math.round(milliseconds);
    if (performance.now() - saidAt > sayAgainAfterMs) {
      saidAt = performance.now();
      log.warn({ delay_ms }, `requests are refused: ${why}`);
    }
    throw new ApiError('OVERLOADED', { retryAfter: soon(), cause: why });
  };
}

function soon(): number {
  const { least, most } = retryAfter;
  return least + Math.floor(Math.random() * (most - least + 1));
}
