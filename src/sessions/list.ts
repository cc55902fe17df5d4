import { ApiError } from '../errors.ts';
import type { Database } from '../storage/query.ts';
import { selectSessions } from '../storage/sessions.ts';
import type { AccessClaims } from '../tokens/access-token.ts';

/** A session as its user sees it. Times are RFC 3339 in UTC. */
export interface Session {
  session_id: number;
  created_at: string;
  /** The last login or refresh. */
  last_used_at: string;
  /** The absolute end; the idle limit may come sooner. */
  expires_at: string;
  ip: string | null;
  user_agent: string | null;
  /** True for the session that asks. */
  current: boolean;
}

/**
 * The caller's sessions that are alive, the most recently used first.
 *
 * @throws ApiError SESSION_ENDED when the one that asks is not among them
 */
export async function listSessions(
  { db }: { db: Database },
  { userId, sessionId }: AccessClaims,
): Promise<Session[]> {
  const rows = await selectSessions(db, userId);
  if (!rows.some(({ tokenid }) => tokenid === sessionId)) throw new ApiError('SESSION_ENDED');
  return rows.map((row) => ({
    session_id: row.tokenid,
    created_at: row.created_at.toISOString(),
    last_used_at: row.rotated_at.toISOString(),
    expires_at: row.expires_at.toISOString(),
    ip: row.ip,
    user_agent: row.user_agent,
    current: row.tokenid === sessionId,
  }));
}
