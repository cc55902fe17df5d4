import { ApiError } from '../errors.ts';
import type { Database } from '../storage/query.ts';
import { deleteReusedSession } from '../storage/session-ends.ts';
import { rotateSession } from '../storage/sessions.ts';
import { hashHandle, verifyRefreshToken } from '../tokens/refresh-token.ts';
import { type LoggedIn, type TokenPairDeps, tokenPair } from './token-pair.ts';

export interface RefreshDeps extends TokenPairDeps {
  db: Database;
}

/**
 * Exchanges a refresh token for the next pair (RFC 6749 §6, rotation as RFC 9700 §4.14.2). Repeated within the grace
 * it gives the same refresh token again; repeated later it is taken for stolen and ends the session.
 *
 * @throws ApiError REFRESH_TOKEN_INVALID or REFRESH_TOKEN_EXPIRED without asking the database, REFRESH_TOKEN_REUSED
 * once the session has been ended, SESSION_ENDED when it had ended before
 */
export async function refresh(deps: RefreshDeps, refreshToken: string): Promise<LoggedIn> {
  const { handle, generation } = verifyRefreshToken(deps.tokens.refresh, refreshToken);
  const presented = { handleHash: hashHandle(handle), generation };

  const session = await rotateSession(deps.db, presented, deps.sessionLimits.refreshGraceSeconds);
  if (session) return { userId: session.user_id, tokens: tokenPair(deps, session, handle) };

  // Committed by the time it returns, so that the refusal below cannot undo it
  const ended = await deleteReusedSession(deps.db, presented);
  if (!ended) throw new ApiError('SESSION_ENDED');
  throw new ApiError('REFRESH_TOKEN_REUSED', {
    context: { user_id: ended.user_id, session_id: ended.tokenid },
    cause: `generation ${generation} was presented when ${ended.generation} was current: session ${ended.tokenid} of user ${ended.user_id} is ended`,
  });
}
