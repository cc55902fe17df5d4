import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { RateLimits } from '../http/limits/rate-limits.ts';
import { originOf } from '../http/origin.ts';
import { refusalsWithBody } from '../http/refusals.ts';
import { refreshBody, tokenBodyLimit, tokenPairResponse } from '../http/schemas/sessions.ts';
import { type RefreshDeps, refresh } from '../sessions/refresh.ts';

interface RefreshRouteDeps extends RefreshDeps {
  rateLimits: Pick<RateLimits, 'refreshes'>;
}

const refreshRoutes: FastifyPluginAsyncTypebox<RefreshRouteDeps> = async (app, deps) => {
  app.post(
    '/api/v1/auth/refresh-token',
    {
      bodyLimit: tokenBodyLimit,
      schema: {
        operationId: 'refreshToken',
        tags: ['sessions'],
        summary: 'Exchange a refresh token for the next tokens',
        description:
          'Anyone who holds a refresh token may call this. Each token works once; repeating a refresh at once, after a lost ' +
          'response or from a second tab, gives the same refresh token again. A token that comes back later ends its session.',
        body: refreshBody,
        response: {
          200: tokenPairResponse({ description: 'The next tokens of the session' }),
          ...refusalsWithBody(
            {
              BODY_TOO_LARGE: 'The body exceeds 80 KiB',
              REFRESH_TOKEN_INVALID:
                'What was sent is no refresh token of this service; the user has to log in again',
              REFRESH_TOKEN_EXPIRED:
                'The refresh token has expired, as it was not used for too long; the user has to log in again',
              REFRESH_TOKEN_REUSED:
                'The refresh token was exchanged before, and is taken for stolen: its session has been ended; the user has to log in again',
              SESSION_ENDED:
                'The session was logged out, has expired or made room for a newer one; the user has to log in again',
              RATE_LIMITED:
                'Too many refresh tokens from this address were refused, and this one is no right one or was refused before; try again ' +
                'after `retry-after` seconds',
              DATABASE_UNAVAILABLE:
                'The database cannot be reached right now; try again with the same refresh token after `retry-after` seconds',
            },
            [{ field: 'refresh_token', message: 'is required' }],
          ),
        },
      },
    },
    async (request, reply) => {
      const { refresh_token: subject } = request.body;
      const { userId, tokens } = await deps.rateLimits.refreshes.attempt({ request, reply, subject }, () =>
        refresh(deps, subject, () => originOf(request)),
      );
      request.userId = userId;
      return tokens;
    },
  );
};

export default refreshRoutes;
