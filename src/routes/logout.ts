import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { authenticate } from '../http/authenticate.ts';
import { originOf } from '../http/origin.ts';
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
          'Anyone who holds a token of the session may call this: send its refresh token, or leave the body out, or send null ' +
          'for it, and send its access token. With a refresh token in the body, the Authorization header is not looked at. Repeating it does no harm: ' +
          'a session that has ended already is answered in the same way.',
        security: [{ accessToken: [] }, {}],
        body: logoutBody,
        response: {
          204: emptyResponse({ description: 'The session has ended' }),
          ...refusalsWithBody(
            {
              MALFORMED_JSON: 'A body was sent, and it is not valid JSON in UTF-8',
              BODY_TOO_LARGE: 'The body exceeds 80 KiB',
              AUTHENTICATION_REQUIRED: 'Neither a refresh token nor an access token was sent',
              ACCESS_TOKEN_INVALID:
                'What was sent in the Authorization header is no access token of this service, or no longer one; send the refresh token',
              ACCESS_TOKEN_EXPIRED:
                'The access token has expired, which its session may not have; send the refresh token',
              REFRESH_TOKEN_INVALID:
                'What was sent is no refresh token of this service; there is nothing to end',
              REFRESH_TOKEN_EXPIRED:
                'The refresh token has expired, and its session has ended unless it was refreshed since',
              DATABASE_UNAVAILABLE:
                'The database cannot be reached right now, and the session may go on; try again after `retry-after` seconds',
            },
            [{ field: 'refresh_token', message: 'must not be empty' }],
          ),
        },
      },
      config: { bodyOptional: true },
      // A client that openapi-generator made for Go, Java or Rust sends null for a body that was left out
      preValidation: async (request) => {
        request.body ??= {};
      },
    },
    async (request, reply) => {
      const { refresh_token: refreshToken } = request.body;
      if (refreshToken === undefined) {
        const session = authenticate(request, deps.tokens.access);
        await endSessionOfAccessToken(deps, session, originOf(request));
      } else {
        request.userId = await endSessionOfRefreshToken(deps, refreshToken, originOf(request));
      }
      return reply.code(204).send();
    },
  );
};

export default logoutRoutes;
