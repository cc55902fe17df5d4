import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { type NewAccount, type RegisterDeps, register } from '../accounts/register.ts';
import { clientGone } from '../http/client-gone.ts';
import { refusalsWithBody } from '../http/refusals.ts';
import { createUserBody, registerUserBody, userResponse } from '../http/schemas/accounts.ts';

/** Registration under both names it has had. They differ in what they require, not in what they do. */
const registerRoutes: FastifyPluginAsyncTypebox<RegisterDeps> = async (app, deps) => {
  const response = {
    201: userResponse({ description: 'The new user' }),
    ...refusalsWithBody('EMAIL_ALREADY_EXISTS', 'PASSWORD_HASHING_BUSY', 'SHUTTING_DOWN'),
  };

  app.post(
    '/auth/user/create',
    {
      schema: {
        operationId: 'createUser',
        tags: ['accounts'],
        summary: 'Register with an email and a password',
        description: 'Anyone may call this. Name, location and about may be left out.',
        body: createUserBody,
        response,
      },
    },
    async (request, reply) => {
      const { name = '', location = '', ...rest } = request.body;
      return reply.code(201).send(await create({ ...rest, name, location }, clientGone(reply)));
    },
  );

  app.post(
    '/api/v1/register-user',
    {
      schema: {
        operationId: 'registerUser',
        tags: ['accounts'],
        summary: 'Register with name, email, location and password',
        description: 'Anyone may call this. Only about may be left out.',
        body: registerUserBody,
        response,
      },
    },
    async (request, reply) => reply.code(201).send(await create(request.body, clientGone(reply))),
  );

  const create = (account: Omit<NewAccount, 'about'> & { about?: string | null }, signal: AbortSignal) =>
    register(deps, { ...account, about: account.about ?? null, signal });
};

export default registerRoutes;
