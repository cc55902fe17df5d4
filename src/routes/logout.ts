import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { authenticate } from '../http/authenticate.ts';
import { refusalsWithBody } from '../http/refusals.ts';
import { emptyResponse } from '../http/schemas/response.ts';
import { logoutBody, tokenBodyLimit } from '../http/schemas/sessions.ts';
import { type EndSessionDeps, endSessionOfAccessToken, endSessionOfRefreshToken } from '../sessions/end.ts';

const logoutRoutes: FastifyPluginAsyncTypebox<EndSessionDeps> = async (app, deps) => {
  app.post(
    '/api/v1/auth/logout',
    {
      bodyLimit: tokenBodyLimit,
      schema: {
        operationId: 'logout',
        tags: ['sessions'],
        summary: 'End one session',
        description:
          'Anyone who holds a token of the session may call this: send its refresh token, or leave the body out and send its access ' +
          'token. With a refresh token in the body, the Authorization header is not looked at. Repeating it does no harm: ' +
          'a session that has ended already is answered in the same way.',
        security: [{ accessToken: [] }, {}],
        body: logoutBody,
        response: {
          204: emptyResponse({ description: 'The session has ended' }),
          ...refusalsWithBody(
            'AUTHENTICATION_REQUIRED',
            'ACCESS_TOKEN_INVALID',
            'ACCESS_TOKEN_EXPIRED',
            'REFRESH_TOKEN_INVALID',
            'REFRESH_TOKEN_EXPIRED',
          ),
        },
      },
      config: { bodyOptional: true },
    },
    async (request, reply) => {
      const { refresh_token: refreshToken } = request.body;
      if (refreshToken === undefined) {
        await endSessionOfAccessToken(deps, authenticate(request, deps.tokens.access));
      } else {
        request.userId = await endSessionOfRefreshToken(deps, refreshToken);
      }
      return reply.code(204).send();
    },
  );
};

export default logoutRoutes;
