import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { originOf } from '../http/origin.ts';
import { refusalsWithForm } from '../http/refusals.ts';
import { introspectionBody, introspectionResponse, revocationBody } from '../http/schemas/oauth.ts';
import { emptyResponse } from '../http/schemas/response.ts';
import { type IntrospectDeps, introspect } from '../sessions/introspect.ts';
import { type RevokeDeps, revoke } from '../sessions/revoke.ts';

/** What all operations for clients have in common. */
const forClients = {
  tags: ['oauth'],
  consumes: ['application/x-www-form-urlencoded'],
  // Or by client_id and client_secret in the form, which OpenAPI has no scheme for
  security: [{ client: [] }, {}],
};

/** Token introspection (RFC 7662) and revocation (RFC 7009). */
const oauthRoutes: FastifyPluginAsyncTypebox<IntrospectDeps & RevokeDeps> = async (app, deps) => {
  app.post(
    '/oauth/introspect',
    {
      schema: {
        ...forClients,
        operationId: 'introspectToken',
        summary: 'Ask whether a token is active',
        description:
          'Clients may call this (RFC 7662). An access token is active until it expires or its session ends. Refresh tokens are ' +
          'inactive, unless `token_type_hint` says `refresh_token`: then one is active as long as a refresh with it would succeed. ' +
          'Of anything else, `{"active": false}` is all that is told.',
        body: introspectionBody,
        response: {
          200: introspectionResponse({ description: 'What is known of the token' }),
          ...refusalsWithForm(),
        },
      },
    },
    async ({ body }) => introspect(deps, { token: body.token, hint: body.token_type_hint }),
  );

  app.post(
    '/oauth/revoke',
    {
      schema: {
        ...forClients,
        operationId: 'revokeToken',
        summary: 'End the session of a token',
        description:
          'Clients may call this (RFC 7009). The session of an access token or refresh token ends, and all tokens of that session ' +
          'with it. A token that is unknown, expired or already revoked is answered no differently.',
        body: revocationBody,
        response: {
          200: emptyResponse({ description: 'The token no longer works, if it ever did' }),
          ...refusalsWithForm({
            DATABASE_UNAVAILABLE:
              'The database cannot be reached right now, and the token must be taken to be valid still (RFC 7009 §2.2.1); try again ' +
              'after `retry-after` seconds',
          }),
        },
      },
    },
    async (request, reply) => {
      await revoke(deps, request.body.token, originOf(request));
      return reply.send(undefined);
    },
  );
};

export default oauthRoutes;
