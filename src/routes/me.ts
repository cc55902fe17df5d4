import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { type FindUserDeps, findUserBySession } from '../accounts/find.ts';
import { currentSession } from '../http/authenticate.ts';
import { fromAccessTokens } from '../http/meanings.ts';
import { refusals } from '../http/refusals.ts';
import { userResponse } from '../http/schemas/accounts.ts';

const meRoutes: FastifyPluginAsyncTypebox<FindUserDeps> = async (app, deps) => {
  app.get(
    '/api/v1/me',
    {
      schema: {
        operationId: 'getMe',
        tags: ['accounts'],
        summary: 'Read your own user',
        description:
          'Anyone with an access token whose session is alive may call this, and gets the user as it is stored now.',
        security: [{ accessToken: [] }],
        response: {
          200: userResponse({ description: 'The user the access token belongs to' }),
          ...refusals(fromAccessTokens),
        },
      },
    },
    async (request) => findUserBySession(deps, currentSession(request)),
  );
};

export default meRoutes;
