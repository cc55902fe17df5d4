import type { FastifyReply, RouteHandlerMethod } from 'fastify';
import fp from 'fastify-plugin';
import type { Config } from '../config/config.ts';
import { ApiError } from '../errors.ts';

declare module 'fastify' {
  interface FastifyReply {
    /** Of the work for an answer that may no longer be wanted; null as long as nobody has asked. */
    abandonment: AbortController | null;
  }
}

/**
 * Answers every request within REQUEST_DEADLINE_MS of its arrival in full, with 503 DATABASE_UNAVAILABLE when the handler
 * has no answer by then. Each thing that a handler waits for has a bound of its own (a connection, a statement, a hash
 * thread), and this bounds them all together. What the handler does later is dropped. Fastify's own handlerTimeout ends when the body has been read, as Node then emits 'close' on the request.
 */
export default fp<Pick<Config, 'REQUEST_DEADLINE_MS'>>(
  async (app, { REQUEST_DEADLINE_MS: milliseconds }) => {
    app.decorateReply('abandonment', null);
    const deadline = new Deadline(milliseconds);
    app.addHook('onRoute', (route) => {
      const { handler } = route;
      const bounded: RouteHandlerMethod = function (request, reply) {
        const answer: unknown = Reflect.apply(handler, this, [request, reply]);
        return answer instanceof Promise ? deadline.bound(answer, reply) : answer;
      };
      route.handler = bounded;
    });
  },
  { name: 'deadline' },
);

interface Awaited {
  /** Milliseconds of performance.now(). */
  readonly until: number;
  readonly fail: () => void;
}

/** All that have the same time left from their start: one timer, for whoever waits the longest, does for them. */
class Deadline {
  readonly #milliseconds: number;
  /** The longest there first. */
  readonly #awaited = new Set<Awaited>();
  #timer: NodeJS.Timeout | undefined;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  bound(answer: Promise<unknown>, reply: FastifyReply): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const awaited = {
        until: performance.now() + this.#milliseconds,
        fail: () => {
          const cause = `no answer within ${this.#milliseconds} ms`;
          const late = new ApiError('DATABASE_UNAVAILABLE', { cause });
          reply.abandonment?.abort(late);
          reject(late);
        },
      };
      this.#awaited.add(awaited);
      answer.then(
        (value) => {
          this.#awaited.delete(awaited);
          resolve(value);
        },
        (error) => {
          this.#awaited.delete(awaited);
          reject(error);
        },
      );
      // It is not cleared when nobody waits any more: while requests follow each other it would be set for each of them
      this.#timer ??= this.#wake(this.#milliseconds);
    });
  }

  #wake(milliseconds: number): NodeJS.Timeout {
    return setTimeout(() => this.#look(), milliseconds).unref();
  }

  #look(): void {
    this.#timer = undefined;
    for (const awaited of this.#awaited) {
      // Timers count whole milliseconds
      const left = Math.ceil(awaited.until - performance.now());
      if (left > 0) {
        this.#timer = this.#wake(left);
        return;
      }
      this.#awaited.delete(awaited);
      awaited.fail();
    }
  }
}

/**
 * Aborts when the answer is no longer wanted: the client has closed its connection, or the deadline has passed. The
 * reason is an ApiError.
 */
export function abandoned(reply: FastifyReply): AbortSignal {
  const abandonment = new AbortController();
  reply.abandonment = abandonment;
  const onClose = () => {
    if (!reply.raw.writableFinished)
      abandonment.abort(new ApiError('REQUEST_TIMEOUT', { cause: 'the client went away' }));
  };
  if (reply.raw.destroyed) onClose();
  else reply.raw.once('close', onClose);
  return abandonment.signal;
}
