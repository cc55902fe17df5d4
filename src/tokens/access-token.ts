import { randomUUID } from 'node:crypto';
import { ApiError } from '../errors.ts';
import { isExpired } from './token-error.ts';
import type { TokenKind, TokenTimes } from './token-kind.ts';
import type { Claims } from './token-verifier.ts';

/** Whom an access token speaks for. */
export interface AccessClaims {
  userId: number;
  sessionId: number;
}

export interface AccessToken extends AccessClaims, TokenTimes {
  /** Different for each token. */
  jti: string;
}

/** The access token of a session (JWT, RFC 9068 in spirit). */
export function signAccessToken(
  kind: TokenKind,
  { userId, sessionId, issuedAt, expiresAt }: AccessClaims & TokenTimes,
): string {
  return kind.sign({
    sub: String(userId),
    sid: String(sessionId),
    jti: randomUUID(),
    iat: issuedAt,
    exp: expiresAt,
  });
}

/**
 * Verifies an access token and returns what it says. Whether the session is still alive is checked by the
 * statement that serves the request.
 *
 * @throws ApiError ACCESS_TOKEN_EXPIRED when only its time has passed, ACCESS_TOKEN_INVALID otherwise
 */
export function verifyAccessToken(kind: TokenKind, token: string): AccessToken {
  let claims: Claims;
  try {
    claims = kind.verify(token);
  } catch (error) {
    throw new ApiError(isExpired(error) ? 'ACCESS_TOKEN_EXPIRED' : 'ACCESS_TOKEN_INVALID', { cause: error });
  }
  const { sub, sid, jti, iat, exp } = claims;
  return { userId: Number(sub), sessionId: Number(sid), jti: String(jti), issuedAt: iat, expiresAt: exp };
}

/** What the claims of an access token must be, beside those that every token has. */
export const accessTokenClaims = { sub: isId, sid: isId, jti: isText };

function isId(claim: unknown): boolean {
  return typeof claim === 'string' && /^[1-9]\d{0,15}$/.test(claim) && Number.isSafeInteger(Number(claim));
}

function isText(claim: unknown): boolean {
  return typeof claim === 'string' && claim !== '';
}
