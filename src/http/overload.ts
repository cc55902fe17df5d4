import underPressure from '@fastify/under-pressure';
import fp from 'fastify-plugin';
import type { Config } from '../config/config.ts';
import { ApiError } from '../errors.ts';

// Milliseconds between two looks at the event loop
const sampleMs = 100;
const sayAgainAfterMs = 60_000;
// Seconds; those who were refused together must not come back together
const retryAfter = { least: 1, most: 3 };

/** For routes that are served however slow the event loop is. */
export const alwaysServed = { pressureHandler: () => undefined };

/**
 * Refuses requests with 503 OVERLOADED before anything is done for them when the event loop is late: from a quarter of
 * EVENT_LOOP_DELAY_MAX_MS on some of them by chance, the more the later it is, and at that delay all. To refuse all from one
 * delay on, as @fastify/under-pressure does by itself, makes a service that is idle and overloaded in turn.
 */
export default fp<Pick<Config, 'EVENT_LOOP_DELAY_MAX_MS'>>(
  async (app, { EVENT_LOOP_DELAY_MAX_MS: most }) => {
    if (most === 0) return;
    const least = most / 4;
    let saidAt = Number.NEGATIVE_INFINITY;
    await app.register(underPressure, {
      maxEventLoopDelay: least,
      sampleInterval: sampleMs,
      pressureHandler: (_request, _reply, _type, delay = 0) => {
        if (Math.random() >= (delay - least) / (most - least)) return;
        if (performance.now() - saidAt > sayAgainAfterMs) {
          saidAt = performance.now();
          app.log.warn(
            { event_loop_delay_ms: Math.round(delay) },
            'requests are refused: the event loop is late',
          );
        }
        throw new ApiError('OVERLOADED', {
          retryAfter: soon(),
          cause: `the event loop is ${Math.round(delay)} ms late`,
        });
      },
    });
  },
  { name: 'overload', dependencies: ['error-handler', 'security-headers'] },
);

function soon(): number {
  const { least, most } = retryAfter;
  return least + Math.floor(Math.random() * (most - least + 1));
}
