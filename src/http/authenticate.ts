import type { FastifyRequest, onRequestHookHandler } from 'fastify';
import fp from 'fastify-plugin';
import { ApiError } from '../errors.ts';
import { type AccessClaims, verifyAccessToken } from '../tokens/access-token.ts';
import type { TokenKind } from '../tokens/token-kind.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Whom the access token speaks for; null outside the authenticated scope. */
    session: AccessClaims | null;
    /** Whom the request turned out to be from, for its log line. */
    userId: number | null;
    /** Which client the request is from, for its log line. */
    clientId: string | null;
  }
}

export default fp(
  async (app) => {
    app.decorateRequest('session', null);
    app.decorateRequest('userId', null);
    app.decorateRequest('clientId', null);
  },
  { name: 'authenticate' },
);

// RFC 6750 §2.1: the header only, never a query string or a form field; RFC 9110 §11.1: the scheme in any case
const bearer = /^bearer +([\w.~+/-]+=*)$/i;

/** Refuses requests without a valid access token; what it speaks for is then `request.session`. */
export function requireAccessToken(kind: TokenKind): onRequestHookHandler {
  return (request, _reply, done) => {
    authenticate(request, kind);
    done();
  };
}

/**
 * What the bearer token of a request speaks for, which is then `request.session` too. Whether that session is alive is
 * not asked.
 *
 * @throws ApiError AUTHENTICATION_REQUIRED, ACCESS_TOKEN_INVALID or ACCESS_TOKEN_EXPIRED
 */
export function authenticate(request: FastifyRequest, kind: TokenKind): AccessClaims {
  const { authorization } = request.headers;
  if (authorization === undefined || !/^bearer\b/i.test(authorization))
    throw new ApiError('AUTHENTICATION_REQUIRED');
  const token = bearer.exec(authorization)?.[1];
  if (token === undefined)
    throw new ApiError('ACCESS_TOKEN_INVALID', { cause: 'not a bearer token by its form' });
  const claims = verifyAccessToken(kind, token);
  request.session = claims;
  request.userId = claims.userId;
  return claims;
}

/** What requireAccessToken found; a route that asks without it is registered in the wrong scope. */
export function currentSession(request: FastifyRequest): AccessClaims {
  if (request.session === null) throw new Error('this route is not in the authenticated scope');
  return request.session;
}
