import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { type FindUserDeps, findUserBySession } from '../accounts/find.ts';
import { ApiError } from '../errors.ts';
import { currentSession } from '../http/authenticate.ts';
import { fromAccessTokens, refusals } from '../http/refusals.ts';
import { userIdParams, userResponse } from '../http/schemas/accounts.ts';
import { integerParams } from '../http/validation.ts';

const userRoutes: FastifyPluginAsyncTypebox<FindUserDeps> = async (app, deps) => {
  app.get(
    '/auth/user/:user_id',
    {
      schema: {
        operationId: 'getUser',
        tags: ['accounts'],
        summary: 'Read a user by id',
        description: 'You may read your own user. Any other id is refused, whether or not anyone has it.',
        security: [{ accessToken: [] }],
        params: userIdParams,
        response: {
          200: userResponse({ description: 'The user' }),
          ...refusals(...fromAccessTokens, 'FORBIDDEN', 'VALIDATION_ERROR'),
        },
      },
      preValidation: integerParams,
    },
    async (request) => {
      const user = await findUserBySession(deps, currentSession(request));
      if (user.user_id !== request.params.user_id) throw new ApiError('FORBIDDEN');
      return user;
    },
  );
};

export default userRoutes;
