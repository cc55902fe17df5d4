import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { normaliseEmail } from '../accounts/email.ts';
import { type NewAccount, type RegisterDeps, register } from '../accounts/register.ts';
import { abandoned } from '../http/deadline.ts';
import type { RateLimits } from '../http/limits/rate-limits.ts';
import { fromHashing } from '../http/meanings.ts';
import { originOf } from '../http/origin.ts';
import { rateLimitHeaders, refusalsWithBody } from '../http/refusals.ts';
import { createUserBody, registerUserBody, userResponse } from '../http/schemas/accounts.ts';
import { requestIdHeader } from '../http/schemas/response.ts';

interface RegisterRouteDeps extends RegisterDeps {
  rateLimits: Pick<RateLimits, 'registrations'>;
}

/** Registration under both names it has had. They differ in what they require, not in what they do. */
const registerRoutes: FastifyPluginAsyncTypebox<RegisterRouteDeps> = async (app, deps) => {
  const response = {
    201: userResponse({ description: 'The new user', headers: { ...requestIdHeader, ...rateLimitHeaders } }),
    ...refusalsWithBody(
      {
        VALIDATION_ERROR:
          'No user was created, as fields are missing, unknown, given twice or not acceptable, or the password is too easily guessed; ' +
          '`errors` names each with the reason',
        EMAIL_ALREADY_EXISTS: 'Somebody has registered with this email, in whatever case it was written',
        RATE_LIMITED:
          'Too many have registered from this address, or tried to with an email that is taken; no user was created. Try again after ' +
          '`retry-after` seconds',
        DATABASE_UNAVAILABLE:
          'The database cannot be reached right now; try again after `retry-after` seconds. When that is answered ' +
          '`EMAIL_ALREADY_EXISTS`, the first request had succeeded: log in',
        ...fromHashing,
      },
      [
        { field: 'email', message: 'must be a valid email' },
        { field: 'password', message: 'is one of the passwords that are tried first' },
      ],
    ),
  };

  app.post(
    '/auth/user/create',
    {
      schema: {
        operationId: 'createUser',
        tags: ['accounts'],
        summary: 'Register with an email and a password',
        description:
          'Anyone may call this. Name, location and about may be left out. It does not log the user in.',
        body: createUserBody,
        response,
      },
    },
    async (request, reply) => {
      const { name = '', location = '', ...rest } = request.body;
      return reply.code(201).send(await create({ ...rest, name, location }, request, reply));
    },
  );

  app.post(
    '/api/v1/register-user',
    {
      schema: {
        operationId: 'registerUser',
        tags: ['accounts'],
        summary: 'Register with name, email, location and password',
        description: 'Anyone may call this. Only about may be left out. It does not log the user in.',
        body: registerUserBody,
        response,
      },
    },
    async (request, reply) => reply.code(201).send(await create(request.body, request, reply)),
  );

  const create = (
    account: Omit<NewAccount, 'about' | 'origin' | 'signal'> & { about?: string | null },
    request: FastifyRequest,
    reply: FastifyReply,
  ) => {
    const subject = normaliseEmail(account.email);
    const signal = abandoned(reply);
    return deps.rateLimits.registrations.attempt({ request, reply, subject }, () =>
      register(deps, { ...account, about: account.about ?? null, origin: originOf(request), signal }),
    );
  };
};

export default registerRoutes;
