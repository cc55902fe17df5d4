import { ApiError, type ErrorCode } from '../errors.ts';
import type { EventSink, Origin, RefreshOutcome } from '../observability/events.ts';
import type { Database } from '../storage/query.ts';
import { deleteReusedSession } from '../storage/session-ends.ts';
import { rotateSession } from '../storage/sessions.ts';
import { hashHandle, verifyRefreshToken } from '../tokens/refresh-token.ts';
import { type LoggedIn, type TokenPairDeps, tokenPair } from './token-pair.ts';

export interface RefreshDeps extends TokenPairDeps {
  db: Database;
  events: EventSink;
}

const outcomes: Partial<Record<ErrorCode, RefreshOutcome>> = {
  REFRESH_TOKEN_INVALID: 'refused',
  REFRESH_TOKEN_EXPIRED: 'refused',
  SESSION_ENDED: 'refused',
  REFRESH_TOKEN_REUSED: 'reused',
};

/**
 * Exchanges a refresh token for the next pair (RFC 6749 §6, rotation as RFC 9700 §4.14.2). Repeated within the grace
 * it gives the same refresh token again; repeated later it is taken for stolen and ends the session. The origin is asked for
 * only then, as it takes some work to tell.
 *
 * @throws ApiError REFRESH_TOKEN_INVALID or REFRESH_TOKEN_EXPIRED without asking the database, REFRESH_TOKEN_REUSED
 * once the session has been ended, SESSION_ENDED when it had ended before
 */
export async function refresh(
  deps: RefreshDeps,
  refreshToken: string,
  originOf: () => Origin,
): Promise<LoggedIn> {
  try {
    return await exchange(deps, refreshToken, originOf);
  } catch (error) {
    const outcome = error instanceof ApiError ? outcomes[error.code] : undefined;
    deps.events.emit({ type: 'refresh', outcome: outcome ?? 'failed' });
    throw error;
  }
}

async function exchange(deps: RefreshDeps, refreshToken: string, originOf: () => Origin): Promise<LoggedIn> {
  const { handle, generation } = verifyRefreshToken(deps.tokens.refresh, refreshToken);
  const presented = { handleHash: hashHandle(handle), generation };

  const session = await rotateSession(deps.db, presented, deps.sessionLimits.refreshGraceSeconds);
  if (session) {
    const tokens = tokenPair(deps, session, handle);
    deps.events.emit({ type: 'refresh', outcome: session.advanced ? 'rotated' : 'replayed' });
    return { userId: session.user_id, tokens };
  }

  // Committed by the time it returns, so that the refusal below cannot undo it
  const ended = await deleteReusedSession(deps.db, presented);
  if (!ended) throw new ApiError('SESSION_ENDED');
  const about = { userId: ended.user_id, sessionId: ended.tokenid, origin: originOf() };
  deps.events.emit({ type: 'token_reuse', presented: generation, current: ended.generation, ...about });
  deps.events.emit({ type: 'session_end', reason: 'reused', ...about });
  throw new ApiError('REFRESH_TOKEN_REUSED');
}
