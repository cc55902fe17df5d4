import { createHash, randomBytes } from 'node:crypto';
import { ApiError } from '../errors.ts';
import { isExpired } from './token-error.ts';
import type { TokenKind, TokenTimes } from './token-kind.ts';
import type { Claims } from './token-verifier.ts';

/** What a refresh token says: the session's handle and how often the token was rotated. */
export interface RefreshClaims {
  /** base64url of 256 random bits, the same for the whole life of the session. */
  handle: string;
  /** 1 for the first token of a session, one more with each rotation. */
  generation: number;
}

export type RefreshToken = RefreshClaims & TokenTimes;

const handleBytes = 32;
const handlePattern = /^[\w-]{43}$/;
const maxGeneration = 2 ** 31 - 1;

export function newHandle(): string {
  return randomBytes(handleBytes).toString('base64url');
}

/** What is stored in place of the handle. The handle is random, so a plain hash is enough (as ASVS 5.0 6.5.2 has it for lookup
 * secrets of 112 bits or more). */
export function hashHandle(handle: string): Buffer {
  return createHash('sha256').update(handle).digest();
}

/**
 * The refresh token of one generation of a session.
 *
 * The same claims always give the same bytes: the times come from the session's row and HMAC is deterministic. So
 * whoever repeats a refresh gets what the first one got, from any replica, without the token being stored anywhere.
 */
export function signRefreshToken(
  kind: TokenKind,
  { handle, generation, issuedAt, expiresAt }: RefreshToken,
): string {
  return kind.sign({ handle, generation, iat: issuedAt, exp: expiresAt });
}

/** @throws ApiError REFRESH_TOKEN_EXPIRED when only its time has passed, REFRESH_TOKEN_INVALID otherwise */
export function verifyRefreshToken(kind: TokenKind, token: string): RefreshToken {
  let claims: Claims;
  try {
    claims = kind.verify(token);
  } catch (error) {
    throw new ApiError(isExpired(error) ? 'REFRESH_TOKEN_EXPIRED' : 'REFRESH_TOKEN_INVALID', {
      cause: error,
    });
  }
  const { handle, generation, iat, exp } = claims;
  return { handle: String(handle), generation: Number(generation), issuedAt: iat, expiresAt: exp };
}

/** Whether this is a refresh token of ours that has not expired; its session may have ended. */
export function isRefreshToken(kind: TokenKind, token: string): boolean {
  try {
    kind.verify(token);
    return true;
  } catch {
    return false;
  }
}

/** What the claims of a refresh token must be, beside those that every token has. */
export const refreshTokenClaims = { handle: isHandle, generation: isGeneration };

function isHandle(claim: unknown): boolean {
  return typeof claim === 'string' && handlePattern.test(claim);
}

function isGeneration(claim: unknown): boolean {
  return Number.isInteger(claim) && Number(claim) >= 1 && Number(claim) < maxGeneration;
}
