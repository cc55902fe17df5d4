import fastifyJwt from '@fastify/jwt';
import fp from 'fastify-plugin';
import type { Config } from '../config/config.ts';

declare module '@fastify/jwt' {
  interface FastifyJWT {
    namespaces: 'access' | 'refresh';
  }
}

type JwtSettings = Pick<
  Config,
  'SECRET_KEY' | 'REFRESH_TOKEN_SECRET' | 'TOKEN_CREATION_ALGORITHM' | 'TOKEN_ISSUER' | 'TOKEN_AUDIENCE'
>;

/**
 * Registers the two kinds of token as `app.jwt.access` and `app.jwt.refresh`.
 *
 * They differ in key, `typ` (RFC 8725 §3.11) and claims, so that neither is ever taken for the other. Algorithms are
 * pinned (RFC 8725 §3.1), and there is no verification cache: each token is verified each time.
 */
export default fp<JwtSettings>(
  async (app, config) => {
    const { TOKEN_CREATION_ALGORITHM: algorithm, TOKEN_ISSUER: iss, TOKEN_AUDIENCE: aud } = config;
    await app.register(fastifyJwt, {
      namespace: 'access',
      secret: config.SECRET_KEY,
      sign: { algorithm, iss, aud, header: { alg: algorithm, typ: 'at+jwt' } },
      verify: {
        algorithms: [algorithm],
        checkTyp: 'at+jwt',
        allowedIss: iss,
        allowedAud: aud,
        requiredClaims: ['iss', 'aud', 'sub', 'sid', 'jti', 'iat', 'exp'],
      },
    });
    await app.register(fastifyJwt, {
      namespace: 'refresh',
      secret: config.REFRESH_TOKEN_SECRET,
      sign: { algorithm: 'HS256', header: { alg: 'HS256', typ: 'rt+jwt' } },
      verify: {
        algorithms: ['HS256'],
        checkTyp: 'rt+jwt',
        requiredClaims: ['handle', 'generation', 'iat', 'exp'],
      },
    });
  },
  { name: 'gatehouse-jwt' },
);
