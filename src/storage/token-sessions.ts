import { type Database, query } from './query.ts';
import { isAlive, isRefreshable, type PresentedRefreshToken } from './sessions.ts';

/** The session that a token belongs to. */
export interface TokenSessionRow {
  tokenid: number;
  user_id: number;
}

// Put together once: these are asked for with every request
const liveSession = `SELECT tokenid, user_id FROM refreshaccesstokens AS s WHERE tokenid = $1 AND ${isAlive('s')}`;
const refreshableSession = `SELECT tokenid, user_id FROM refreshaccesstokens AS s WHERE ${isRefreshable}`;

/** The session of an access token, or undefined when it has ended. */
export async function findLiveSession(
  db: Database,
  { userId, sessionId }: { userId: number; sessionId: number },
): Promise<TokenSessionRow | undefined> {
  const [row] = await query<TokenSessionRow>(db, {
    name: 'find_live_session',
    text: liveSession,
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
    text: refreshableSession,
    values: [presented.handleHash, presented.generation, graceSeconds],
  });
  return row;
}
