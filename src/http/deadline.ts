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
  /** Milliseconds of performance.now(), or `late`. */
  until: number;
  readonly reply: FastifyReply;
  readonly reject: (error: ApiError) => void;
}

// Of an answer that has been refused, and may come yet
const late = Number.POSITIVE_INFINITY;

/**
 * One timer, for whoever waits the longest, does for all. Who waits is in an array with gaps: what leaves a Set or a list was
 * found to be kept alive by what is left of it in the old generation, and to make garbage collection cost a tenth of a request.
 */
class Deadline {
  readonly #milliseconds: number;
  readonly #awaited: (Awaited | undefined)[] = [];
  readonly #gaps: number[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds;
  }

  bound(answer: Promise<unknown>, reply: FastifyReply): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const place = this.#gaps.pop() ?? this.#awaited.length;
      this.#awaited[place] = { until: performance.now() + this.#milliseconds, reply, reject };
      const leave = () => {
        this.#awaited[place] = undefined;
        this.#gaps.push(place);
      };
      answer.then(
        (value) => {
          leave();
          resolve(value);
        },
        (error) => {
          leave();
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
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const awaited of this.#awaited) {
      if (awaited === undefined || awaited.until === late) continue;
      if (awaited.until > now) next = Math.min(next, awaited.until);
      else this.#fail(awaited);
    }
    // Timers count whole milliseconds
    if (next < Number.POSITIVE_INFINITY) this.#timer = this.#wake(Math.ceil(next - now));
  }

  #fail(awaited: Awaited): void {
    awaited.until = late;
    const error = new ApiError('DATABASE_UNAVAILABLE', {
      cause: `no answer within ${this.#milliseconds} ms`,
    });
    awaited.reply.abandonment?.abort(error);
    awaited.reject(error);
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
