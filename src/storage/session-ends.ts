import { type Database, query } from './query.ts';
import { isAlive, type PresentedRefreshToken } from './sessions.ts';

// Every way in which a session ends by request. A statement that ends several locks them in the order of their ids, as
// open_session does, so that no two of them ever wait for each other.

/** Ends the session when the presented generation lies behind the current one; returns what was ended. */
export async function deleteReusedSession(
  db: Database,
  presented: PresentedRefreshToken,
): Promise<{ tokenid: number; user_id: number; generation: number } | undefined> {
  const [row] = await query<{ tokenid: number; user_id: number; generation: number }>(db, {
    name: 'delete_reused_session',
    text: `
      DELETE FROM refreshaccesstokens
      WHERE tokens = $1 AND generation > $2
      RETURNING tokenid, user_id, generation`,
    values: [presented.handleHash, presented.generation],
  });
  return row;
}

/** Ends the session of a handle, whatever the generation, and returns it; undefined when it had ended before. */
export async function deleteSessionByHandle(
  db: Database,
  handleHash: Buffer,
): Promise<SessionOfUser | undefined> {
  const [row] = await query<{ user_id: number; tokenid: number }>(db, {
    name: 'delete_session_by_handle',
    text: 'DELETE FROM refreshaccesstokens WHERE tokens = $1 RETURNING user_id, tokenid',
    values: [handleHash],
  });
  return row && { userId: row.user_id, sessionId: row.tokenid };
}

/** A session and the user it must belong to. */
export interface SessionOfUser {
  userId: number;
  sessionId: number;
}

/** Ends the session; false when it had ended before. */
export async function deleteSession(db: Database, { userId, sessionId }: SessionOfUser): Promise<boolean> {
  const rows = await query(db, {
    name: 'delete_session',
    text: 'DELETE FROM refreshaccesstokens WHERE tokenid = $1 AND user_id = $2 RETURNING tokenid',
    values: [sessionId, userId],
  });
  return rows.length > 0;
}

/** The session that a request speaks for, provided that it is alive. */
const caller = `
  SELECT s.user_id
  FROM refreshaccesstokens AS s
  WHERE s.tokenid = $1 AND s.user_id = $2 AND ${isAlive('s')}`;

/**
 * Ends all sessions of the caller, the caller's own excepted when `keepOwn`, and returns their ids. Undefined, and
 * nothing is done, when the caller's own is not alive.
 */
export async function deleteSessionsOfCaller(
  db: Database,
  { userId, sessionId }: SessionOfUser,
  { keepOwn }: { keepOwn: boolean },
): Promise<number[] | undefined> {
  const rows = await query<{ tokenid: number | null }>(db, {
    name: 'delete_sessions_of_caller',
    text: `
      WITH caller AS (${caller}), doomed AS (
        SELECT s.tokenid
        FROM refreshaccesstokens AS s
        WHERE s.user_id = (SELECT user_id FROM caller) AND NOT ($3 AND s.tokenid = $1)
        ORDER BY s.tokenid
        FOR UPDATE
      ), ended AS (
        DELETE FROM refreshaccesstokens AS s USING doomed WHERE s.tokenid = doomed.tokenid RETURNING s.tokenid
      )
      SELECT ended.tokenid FROM caller LEFT JOIN ended ON true`,
    values: [sessionId, userId, keepOwn],
  });
  if (rows.length === 0) return undefined;
  return rows.map(({ tokenid }) => tokenid).filter((tokenid) => tokenid !== null);
}

/**
 * Ends one session of the caller, which may be the caller's own. Says whether there was such a session, alive;
 * undefined, and nothing is done, when the caller's own is not alive.
 */
export async function deleteSessionOfCaller(
  db: Database,
  { userId, sessionId }: SessionOfUser,
  endedId: number,
): Promise<boolean | undefined> {
  const [row] = await query<{ ended: boolean }>(db, {
    name: 'delete_session_of_caller',
    text: `
      WITH caller AS (${caller}), ended AS (
        DELETE FROM refreshaccesstokens AS s
        WHERE s.tokenid = $3 AND s.user_id = (SELECT user_id FROM caller) AND ${isAlive('s')}
        RETURNING s.tokenid
      )
      SELECT EXISTS (SELECT FROM ended) AS ended FROM caller`,
    values: [sessionId, userId, endedId],
  });
  return row?.ended;
}
