import { ApiError } from '../errors.ts';
import type { EndReason, EventSink, Origin, SessionIds } from '../observability/events.ts';
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
  events: EventSink;
}

/**
 * Ends the session of a refresh token, used or not: to end a session is safe whoever asks. Returns whose it was, or
 * null when it had ended before.
 *
 * @throws ApiError REFRESH_TOKEN_INVALID or REFRESH_TOKEN_EXPIRED, without asking the database
 */
export async function endSessionOfRefreshToken(
  { db, tokens, events }: EndSessionDeps,
  refreshToken: string,
  origin: Origin,
): Promise<number | null> {
  const { handle } = verifyRefreshToken(tokens.refresh, refreshToken);
  const ended = await deleteSessionByHandle(db, hashHandle(handle));
  if (ended === undefined) return null;
  events.emit({ type: 'session_end', reason: 'logout', ...ended, origin });
  return ended.userId;
}

/** Ends the session of a verified access token. No matter if it had ended before. */
export async function endSessionOfAccessToken(
  { db, events }: EndSessionDeps,
  { userId, sessionId }: AccessClaims,
  origin: Origin,
): Promise<void> {
  const session = { userId, sessionId };
  if (await deleteSession(db, session))
    events.emit({ type: 'session_end', reason: 'logout', ...session, origin });
}

/** Ends all sessions of the caller but the one that asks. @throws ApiError SESSION_ENDED when that one is not alive */
export async function endOtherSessions(
  { db, events }: EndSessionDeps,
  caller: AccessClaims,
  origin: Origin,
): Promise<void> {
  const ended = await deleteSessionsOfCaller(db, caller, { keepOwn: true });
  if (ended === undefined) throw new ApiError('SESSION_ENDED');
  tellEnds(events, caller, ended, { reason: 'logout_others', origin });
}

/** Ends all sessions of the caller. @throws ApiError SESSION_ENDED when the one that asks is not alive */
export async function endAllSessions(
  { db, events }: EndSessionDeps,
  caller: AccessClaims,
  origin: Origin,
): Promise<void> {
  const ended = await deleteSessionsOfCaller(db, caller, { keepOwn: false });
  if (ended === undefined) throw new ApiError('SESSION_ENDED');
  tellEnds(events, caller, ended, { reason: 'logout_all', origin });
}

/**
 * Ends one session of the caller, which may be the one that asks.
 *
 * @throws ApiError SESSION_ENDED when the one that asks is not alive, SESSION_NOT_FOUND when the caller has no such
 * session that is
 */
export async function endSession(
  { db, events }: EndSessionDeps,
  caller: AccessClaims,
  sessionId: number,
  origin: Origin,
): Promise<void> {
  const ended = await deleteSessionOfCaller(db, caller, sessionId);
  if (ended === undefined) throw new ApiError('SESSION_ENDED');
  if (!ended) throw new ApiError('SESSION_NOT_FOUND');
  tellEnds(events, caller, [sessionId], { reason: 'ended', origin });
}

function tellEnds(
  events: EventSink,
  { userId }: Pick<SessionIds, 'userId'>,
  sessionIds: number[],
  how: { reason: EndReason; origin: Origin },
): void {
  for (const sessionId of sessionIds) events.emit({ type: 'session_end', userId, sessionId, ...how });
}
