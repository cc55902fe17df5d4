import { ApiError } from '../errors.ts';
import type { Database } from '../storage/query.ts';
import {
  deleteSession,
  deleteSessionByHandle,
  deleteSessionOfCaller,
  deleteSessionsOfCaller,
} from '../storage/session-ends.ts';
import type { AccessClaims } from '../tokens/access-token.ts';
import { hashHandle, verifyRefreshToken } from '../tokens/refresh-token.ts';
import type { TokenKinds } from '../tokens/token-kind.ts';

export interface EndSessionDeps {
  db: Database;
  tokens: TokenKinds;
}

/**
 * Ends the session of a refresh token, used or not: to end a session is safe whoever asks. Returns whose it was, or
 * null when it had ended before.
 *
 * @throws ApiError REFRESH_TOKEN_INVALID or REFRESH_TOKEN_EXPIRED, without asking the database
 */
export async function endSessionOfRefreshToken(
  { db, tokens }: EndSessionDeps,
  refreshToken: string,
): Promise<number | null> {
  const { handle } = verifyRefreshToken(tokens.refresh, refreshToken);
  return (await deleteSessionByHandle(db, hashHandle(handle))) ?? null;
}

/** Ends the session of a verified access token. No matter if it had ended before. */
export async function endSessionOfAccessToken({ db }: EndSessionDeps, session: AccessClaims): Promise<void> {
  await deleteSession(db, session);
}

/** Ends all sessions of the caller but the one that asks. @throws ApiError SESSION_ENDED when that one is not alive */
export async function endOtherSessions({ db }: EndSessionDeps, caller: AccessClaims): Promise<void> {
  if (!(await deleteSessionsOfCaller(db, caller, { keepOwn: true }))) throw new ApiError('SESSION_ENDED');
}

/** Ends all sessions of the caller. @throws ApiError SESSION_ENDED when the one that asks is not alive */
export async function endAllSessions({ db }: EndSessionDeps, caller: AccessClaims): Promise<void> {
  if (!(await deleteSessionsOfCaller(db, caller, { keepOwn: false }))) throw new ApiError('SESSION_ENDED');
}

/**
 * Ends one session of the caller, which may be the one that asks.
 *
 * @throws ApiError SESSION_ENDED when the one that asks is not alive, SESSION_NOT_FOUND when the caller has no such
 * session that is
 */
export async function endSession(
  { db }: EndSessionDeps,
  caller: AccessClaims,
  sessionId: number,
): Promise<void> {
  const ended = await deleteSessionOfCaller(db, caller, sessionId);
  if (ended === undefined) throw new ApiError('SESSION_ENDED');
  if (!ended) throw new ApiError('SESSION_NOT_FOUND');
}
