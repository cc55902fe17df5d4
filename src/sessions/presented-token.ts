import { ApiError } from '../errors.ts';
import { type AccessClaims, verifyAccessToken } from '../tokens/access-token.ts';
import { hashHandle, verifyRefreshToken } from '../tokens/refresh-token.ts';
import { isExpired } from '../tokens/signed-token.ts';
import type { TokenSigners } from './token-pair.ts';

/** Claims as they are in the token; times in seconds since the epoch (RFC 7519 §4.1). */
interface RefreshTokenClaims {
  iat: number;
  exp: number;
}
interface AccessTokenClaims extends RefreshTokenClaims {
  iss: string;
  aud: string;
  jti: string;
}

/** What an unlabelled token is by its signature and claims, before the database is asked. */
export type PresentedToken =
  | { kind: 'access'; session: AccessClaims; claims: AccessTokenClaims }
  | {
      kind: 'refresh';
      handleHash: Buffer;
      generation: number;
      claims: RefreshTokenClaims;
    };

/** Undefined for whatever is not one of our tokens, or no longer. */
export function recogniseToken({ access, refresh }: TokenSigners, token: string): PresentedToken | undefined {
  return recogniseAccessToken(access, token) ?? recogniseRefreshToken(refresh, token);
}

// Each verifies twice: the functions of tokens/ check what is said of the session and give no more than that

function recogniseAccessToken(signer: TokenSigners['access'], token: string): PresentedToken | undefined {
  return unlessRefused(() => {
    const session = verifyAccessToken(signer, token);
    return { kind: 'access', session, claims: signer.verify<AccessTokenClaims>(token) };
  });
}

function recogniseRefreshToken(signer: TokenSigners['refresh'], token: string): PresentedToken | undefined {
  return unlessRefused(() => {
    const { handle, generation } = verifyRefreshToken(signer, token);
    const claims = signer.verify<RefreshTokenClaims>(token);
    return { kind: 'refresh', handleHash: hashHandle(handle), generation, claims };
  });
}

function unlessRefused<Token>(recognise: () => Token): Token | undefined {
  try {
    return recognise();
  } catch (error) {
    if (error instanceof ApiError || isExpired(error)) return undefined;
    throw error;
  }
}
