import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { currentSession } from '../http/authenticate.ts';
import { fromAbsentBodies, fromAccessTokens } from '../http/meanings.ts';
import { originOf } from '../http/origin.ts';
import { refusals } from '../http/refusals.ts';
import { noBody } from '../http/schemas/no-body.ts';
import { emptyResponse } from '../http/schemas/response.ts';
import { type EndSessionDeps, endAllSessions, endOtherSessions } from '../sessions/end.ts';

/** Ending many sessions at once: all but the caller's own, or that one too. */
const logoutAllRoutes: FastifyPluginAsyncTypebox<EndSessionDeps> = async (app, deps) => {
  const security = [{ accessToken: [] }];
  const response = {
    204: emptyResponse({ description: 'The sessions have ended' }),
    ...refusals({ ...fromAccessTokens, ...fromAbsentBodies }, [
      { field: 'reason', message: 'is not a field of this request' },
    ]),
  };

  app.post(
    '/api/v1/auth/logout-others',
    {
      schema: {
        operationId: 'logoutOthers',
        tags: ['sessions'],
        summary: 'End all your other sessions',
        description:
          'Anyone with an access token whose session is alive may call this. That session goes on.',
        security,
        body: noBody,
        response,
      },
      config: { bodyOptional: true },
    },
    async (request, reply) => {
      await endOtherSessions(deps, currentSession(request), originOf(request));
      return reply.code(204).send();
    },
  );

  app.post(
    '/api/v1/auth/logout-all',
    {
      schema: {
        operationId: 'logoutAll',
        tags: ['sessions'],
        summary: 'End all your sessions',
        description:
          'Anyone with an access token whose session is alive may call this. That session ends with the others.',
        security,
        body: noBody,
        response,
      },
      config: { bodyOptional: true },
    },
    async (request, reply) => {
      await endAllSessions(deps, currentSession(request), originOf(request));
      return reply.code(204).send();
    },
  );
};

export default logoutAllRoutes;
