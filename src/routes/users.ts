import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { type FindUserDeps, findUserBySession } from '../accounts/find.ts';
import { ApiError } from '../errors.ts';
import { currentSession } from '../http/authenticate.ts';
import { fromAccessTokens } from '../http/meanings.ts';
import { refusals } from '../http/refusals.ts';
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
        description:
          'Anyone with an access token whose session is alive may call this, with their own id. Any other id is refused, whether or ' +
          'not anyone has it.',
        security: [{ accessToken: [] }],
        params: userIdParams,
        response: {
          200: userResponse({ description: 'The user' }),
          ...refusals(
            {
              ...fromAccessTokens,
              FORBIDDEN: 'The id is not the one of the user the access token belongs to',
              VALIDATION_ERROR: 'What stands for the id in the path is not a positive integer',
            },
            [{ field: 'user_id', message: 'must be integer' }],
          ),
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
