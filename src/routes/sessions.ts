import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { currentSession } from '../http/authenticate.ts';
import { fromAbsentBodies, fromAccessTokens } from '../http/meanings.ts';
import { originOf } from '../http/origin.ts';
import { refusals } from '../http/refusals.ts';
import { noBody } from '../http/schemas/no-body.ts';
import { emptyResponse } from '../http/schemas/response.ts';
import { sessionIdParams, sessionListResponse } from '../http/schemas/sessions.ts';
import { integerParams } from '../http/validation.ts';
import { type EndSessionDeps, endSession } from '../sessions/end.ts';
import { listSessions } from '../sessions/list.ts';

const sessionRoutes: FastifyPluginAsyncTypebox<EndSessionDeps> = async (app, deps) => {
  const security = [{ accessToken: [] }];

  app.get(
    '/api/v1/me/sessions',
    {
      schema: {
        operationId: 'listSessions',
        tags: ['sessions'],
        summary: 'List your sessions',
        description:
          'Anyone with an access token whose session is alive may call this. Sessions that have ended, expired or been left idle ' +
          'are not listed.',
        security,
        response: {
          200: sessionListResponse({ description: 'Your sessions, the most recently used first' }),
          ...refusals(fromAccessTokens),
        },
      },
    },
    async (request) => ({ sessions: await listSessions(deps, currentSession(request)) }),
  );

  app.delete(
    '/api/v1/me/sessions/:session_id',
    {
      schema: {
        operationId: 'endSession',
        tags: ['sessions'],
        summary: 'End one of your sessions',
        description:
          'Anyone with an access token whose session is alive may call this, for that session too. Sessions of others are treated ' +
          'as if they did not exist.',
        security,
        params: sessionIdParams,
        body: noBody,
        response: {
          204: emptyResponse({ description: 'The session has ended' }),
          ...refusals(
            {
              ...fromAccessTokens,
              ...fromAbsentBodies,
              SESSION_NOT_FOUND:
                'You have no session with this id: there never was one, it has ended, or it is someone else’s',
              VALIDATION_ERROR:
                'What stands for the id in the path is not a positive integer, or a body with fields was sent',
            },
            [{ field: 'session_id', message: 'must be integer' }],
          ),
        },
      },
      config: { bodyOptional: true },
      preValidation: integerParams,
    },
    async (request, reply) => {
      await endSession(deps, currentSession(request), request.params.session_id, originOf(request));
      return reply.code(204).send();
    },
  );
};

export default sessionRoutes;
