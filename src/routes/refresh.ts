import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { refusalsWithBody } from '../http/refusals.ts';
import { refreshBody, tokenBodyLimit, tokenPairResponse } from '../http/schemas/sessions.ts';
import { type RefreshDeps, refresh } from '../sessions/refresh.ts';

const refreshRoutes: FastifyPluginAsyncTypebox<RefreshDeps> = async (app, deps) => {
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
            'REFRESH_TOKEN_INVALID',
            'REFRESH_TOKEN_EXPIRED',
            'REFRESH_TOKEN_REUSED',
            'SESSION_ENDED',
          ),
        },
      },
    },
    async (request) => {
      const { userId, tokens } = await refresh(deps, request.body.refresh_token);
      request.userId = userId;
      return tokens;
    },
  );
};

export default refreshRoutes;
