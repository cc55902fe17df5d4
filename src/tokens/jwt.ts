import fastifyJwt from '@fastify/jwt';
import fp from 'fastify-plugin';
import type { KeySet } from '../keys/key.ts';
import type { TokenKeys } from '../keys/token-keys.ts';
import { accessTokenClaims } from './access-token.ts';
import { refreshTokenClaims } from './refresh-token.ts';
import type { TokenKinds } from './token-kind.ts';
import { createTokenVerifier } from './token-verifier.ts';

declare module '@fastify/jwt' {
  interface FastifyJWT {
    namespaces: 'access' | 'refresh';
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    tokens: TokenKinds;
  }
}

export interface JwtOptions {
  keys: TokenKeys;
  issuer: string;
  audience: string;
}

/**
 * Registers the two kinds of token as `app.tokens.access` and `app.tokens.refresh`.
 *
 * They differ in keys, `typ` (RFC 8725 §3.11) and claims, so that neither is ever taken for the other. @fastify/jwt signs
 * them; docs/decisions/009 says why it does not verify them.
 */
export default fp<JwtOptions>(
  async (app, { keys, issuer, audience }) => {
    await app.register(fastifyJwt, {
      namespace: 'access',
      secret: keys.access.signing.material,
      sign: { ...headerOf(keys.access, 'at+jwt'), iss: issuer, aud: audience },
    });
    await app.register(fastifyJwt, {
      namespace: 'refresh',
      secret: keys.refresh.signing.material,
      sign: headerOf(keys.refresh, 'rt+jwt'),
    });
    app.decorate('tokens', {
      access: {
        sign: (claims) => app.jwt.access.sign(claims),
        verify: createTokenVerifier({
          keys: keys.access.verifying,
          typ: 'at+jwt',
          issuer,
          audience,
          claims: accessTokenClaims,
        }),
      },
      refresh: {
        sign: (claims) => app.jwt.refresh.sign(claims),
        verify: createTokenVerifier({
          keys: keys.refresh.verifying,
          typ: 'rt+jwt',
          claims: refreshTokenClaims,
        }),
      },
    });
  },
  { name: 'gatehouse-jwt' },
);

function headerOf({ signing }: KeySet, typ: string) {
  return { algorithm: signing.algorithm, kid: signing.kid, typ };
}
