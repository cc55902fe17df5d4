import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { normaliseEmail } from '../accounts/email.ts';
import { abandoned } from '../http/deadline.ts';
import type { RateLimits } from '../http/limits/rate-limits.ts';
import { fromHashing } from '../http/meanings.ts';
import { originOf } from '../http/origin.ts';
import { refusalsWithBody } from '../http/refusals.ts';
import { credentialsBody, tokenPairResponse } from '../http/schemas/sessions.ts';
import { type LogInDeps, logIn } from '../sessions/log-in.ts';

const paths = [
  { url: '/auth/user/verify', operationId: 'verifyUser' },
  { url: '/api/v1/auth/login', operationId: 'login' },
] as const;

interface LoginDeps extends LogInDeps {
  rateLimits: Pick<RateLimits, 'logins'>;
}

/** Logging in, under both names it has had. */
const loginRoutes: FastifyPluginAsyncTypebox<LoginDeps> = async (app, deps) => {
  for (const { url, operationId } of paths) {
    app.post(
      url,
      {
        schema: {
          operationId,
          tags: ['sessions'],
          summary: 'Exchange an email and a password for tokens',
          description:
            'Anyone may call this. Opens a session, which lives until it ends, expires or is left idle. Where a user has too many ' +
            'sessions, the oldest ends.',
          body: credentialsBody,
          response: {
            200: tokenPairResponse({ description: 'The tokens of a new session' }),
            ...refusalsWithBody(
              {
                INVALID_CREDENTIALS:
                  'Nobody has this email, or the password is not theirs; which of the two, is not told',
                RATE_LIMITED:
                  'Too many logins have failed, to this account or from this address; nothing was checked. Try again after ' +
                  '`retry-after` seconds. An address that the account has logged in from is not held to what others have done',
                ...fromHashing,
              },
              [{ field: 'password', message: 'is required' }],
            ),
          },
        },
      },
      async (request, reply) => {
        const subject = normaliseEmail(request.body.email);
        const signal = abandoned(reply);
        const { userId, tokens } = await deps.rateLimits.logins.attempt({ request, reply, subject }, () =>
          logIn(deps, {
            ...request.body,
            userAgent: request.headers['user-agent'] ?? null,
            origin: originOf(request),
            signal,
          }),
        );
        request.userId = userId;
        return tokens;
      },
    );
  }
};

export default loginRoutes;
