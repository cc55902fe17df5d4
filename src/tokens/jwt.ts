import fastifyJwt from '@fastify/jwt';
import fp from 'fastify-plugin';
import type { KeySet } from '../keys/key.ts';
import type { TokenKeys } from '../keys/token-keys.ts';
import { accessTokenClaims } from './access-token.ts';
import { createHmacSigner } from './hmac-signer.ts';
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

const types = { access: 'at+jwt', refresh: 'rt+jwt' };

/**
 * Registers the two kinds of token as `app.tokens.access` and `app.tokens.refresh`.
 *
 * They differ in keys, `typ` (RFC 8725 §3.11) and claims, so that neither is ever taken for the other. @fastify/jwt signs with
 * key pairs; docs/decisions/009 says why it does not sign with secrets, nor verify.
 */
export default fp<JwtOptions>(
  async (app, { keys, issuer, audience }) => {
    await app.register(fastifyJwt, {
      namespace: 'access',
      secret: keys.access.signing.material,
      sign: { ...headerOf(keys.access, types.access), iss: issuer, aud: audience },
    });
    await app.register(fastifyJwt, {
      namespace: 'refresh',
      secret: keys.refresh.signing.material,
      sign: headerOf(keys.refresh, types.refresh),
    });
    const signAccess = createHmacSigner(keys.access.signing, types.access);
    const signRefresh = createHmacSigner(keys.refresh.signing, types.refresh);
    app.decorate('tokens', {
      access: {
        sign: signAccess
          ? (claims) => signAccess({ ...claims, aud: audience, iss: issuer })
          : (claims) => app.jwt.access.sign(claims),
        verify: createTokenVerifier({
          keys: keys.access.verifying,
          typ: types.access,
          issuer,
          audience,
          claims: accessTokenClaims,
        }),
      },
      refresh: {
        sign: signRefresh ?? ((claims) => app.jwt.refresh.sign(claims)),
        verify: createTokenVerifier({
          keys: keys.refresh.verifying,
          typ: types.refresh,
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
