import type { FastifyReply } from 'fastify';
import { ApiError } from '../errors.ts';

/** Aborts when the client closes its connection before it has its answer; the reason is an ApiError that nobody reads but the log. */
export function clientGone(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished)
      gone.abort(new ApiError('REQUEST_TIMEOUT', { cause: 'the client went away' }));
  });
  return gone.signal;
}
