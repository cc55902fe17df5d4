import { type Database, query } from './query.ts';
import { isAlive, isRefreshable, type PresentedRefreshToken } from './sessions.ts';

/** The session that a token belongs to. */
export interface TokenSessionRow {
  tokenid: number;
  user_id: number;
}

/** The session of an access token, or undefined when it has ended. */
export async function findLiveSession(
  db: Database,
  { userId, sessionId }: { userId: number; sessionId: number },
): Promise<TokenSessionRow | undefined> {
  const [row] = await query<TokenSessionRow>(db, {
    name: 'find_live_session',
    text: `SELECT tokenid, user_id FROM refreshaccesstokens WHERE tokenid = $1 AND ${isAlive}`,
    values: [sessionId],
  });
  // Compared here, so that the planner has no index to choose but that of the session
  return row?.user_id === userId ? row : undefined;
}

/** The session that a refresh with this token would succeed in right now, untouched. */
export async function findRefreshableSession(
  db: Database,
  presented: PresentedRefreshToken,
  graceSeconds: number,
): Promise<TokenSessionRow | undefined> {
  const [row] = await query<TokenSessionRow>(db, {
    name: 'find_refreshable_session',
    text: `SELECT tokenid, user_id FROM refreshaccesstokens WHERE ${isRefreshable}`,
    values: [presented.handleHash, presented.generation, graceSeconds],
  });
  return row;
}

/** Ends the session of an access token, if it has not ended before. */
export async function deleteSessionOfUser(
  db: Database,
  { userId, sessionId }: { userId: number; sessionId: number },
): Promise<void> {
  await query(db, {
    name: 'delete_session_of_user',
    text: 'DELETE FROM refreshaccesstokens WHERE tokenid = $1 AND user_id = $2',
    values: [sessionId, userId],
  });
}

/** Ends the session of a refresh token of any generation, if it has not ended before. */
export async function deleteSessionByHandle(db: Database, handleHash: Buffer): Promise<void> {
  await query(db, {
    name: 'delete_session_by_handle',
    text: 'DELETE FROM refreshaccesstokens WHERE tokens = $1',
    values: [handleHash],
  });
}
