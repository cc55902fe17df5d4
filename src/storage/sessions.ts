import { type Database, query } from './query.ts';

/** A session as it is after it was opened or refreshed. Times are seconds since the epoch, by the database's clock. */
export interface SessionRow {
  tokenid: number;
  user_id: number;
  generation: number;
  /** When the current generation was made. */
  rotated_at: number;
  /** When the current refresh token ends: the idle limit, or the end of the session if that comes first. */
  refresh_expires_at: number;
  now: number;
}

/** The condition that a session of this alias has neither expired nor been left idle. */
export const isAlive = (alias: string) =>
  `${alias}.expires_at > now() AND ${alias}.rotated_at + ${alias}.idle_seconds * interval '1 second' > now()`;

const sessionColumns = `
  tokenid, user_id, generation,
  floor(extract(epoch FROM rotated_at))::bigint AS rotated_at,
  floor(extract(epoch FROM least(expires_at, rotated_at + idle_seconds * interval '1 second')))::bigint AS refresh_expires_at,
  floor(extract(epoch FROM now()))::bigint AS now`;

/**
 * A refresh with a token of handle hash $1 and generation $2 succeeds in session s, the grace being $3 seconds: it is
 * the current generation, or was until then.
 */
export const isRefreshable = `
  s.tokens = $1
  AND (s.generation = $2
    OR (s.generation = $2 + 1 AND $3::integer > 0 AND s.rotated_at > now() - $3::integer * interval '1 second'))
  AND ${isAlive('s')}`;

export interface NewSession {
  userId: number;
  /** The hash that the password was checked against. */
  passwordHash: string;
  /** SHA-256 of the session handle. */
  handleHash: Buffer;
  lifetimeSeconds: number;
  idleSeconds: number;
  userAgent: string | null;
  ip: string | null;
  /** How many sessions the user may have, this one included. */
  sessionsPerUserMax: number;
}

/**
 * Opens a session, provided that the user's password is still the one that was checked: it waits for a change that is
 * under way, so that no login slips past it. Ends the user's oldest sessions beyond the limit, and the dead ones.
 * Undefined when the hash or the user is gone. The function is in migrations/0003_open-session.sql.
 */
export async function insertSession(db: Database, session: NewSession): Promise<SessionRow | undefined> {
  const [row] = await query<SessionRow>(db, {
    name: 'insert_session',
    text: `SELECT ${sessionColumns} FROM open_session($1, $2, $3, $4, $5, $6, $7, $8)`,
    values: [
      session.userId,
      session.passwordHash,
      session.handleHash,
      session.lifetimeSeconds,
      session.idleSeconds,
      session.userAgent,
      session.ip,
      session.sessionsPerUserMax,
    ],
  });
  return row;
}

export interface PresentedRefreshToken {
  handleHash: Buffer;
  generation: number;
}

export interface RotatedSessionRow extends SessionRow {
  /** Whether this statement advanced it; else it was found unchanged. */
  advanced: boolean;
}

const rotation = `
  UPDATE refreshaccesstokens AS s
  SET generation = $2 + 1,
      rotated_at = CASE WHEN generation = $2 THEN now() ELSE rotated_at END
  WHERE ${isRefreshable}
  RETURNING ${sessionColumns}, rotated_at = now() AS advanced`;

/**
 * Advances the session when the presented generation is the current one; finds it unchanged when the presented one
 * was current less than `graceSeconds` ago. Undefined otherwise.
 *
 * Both cases are one UPDATE on purpose: of many at once, each waits for the row and then decides on its newest
 * version (READ COMMITTED re-evaluates WHERE and SET), so exactly one rotates and the others meet its result.
 */
export async function rotateSession(
  db: Database,
  presented: PresentedRefreshToken,
  graceSeconds: number,
): Promise<RotatedSessionRow | undefined> {
  const [row] = await query<RotatedSessionRow>(db, {
    name: 'rotate_session',
    text: rotation,
    values: [presented.handleHash, presented.generation, graceSeconds],
  });
  return row;
}

export interface ListedSessionRow {
  tokenid: number;
  created_at: Date;
  rotated_at: Date;
  expires_at: Date;
  ip: string | null;
  user_agent: string | null;
}

/** The user's sessions that are alive, the most recently used first. */
export async function selectSessions(db: Database, userId: number): Promise<ListedSessionRow[]> {
  return query<ListedSessionRow>(db, {
    name: 'select_sessions',
    text: `
      SELECT s.tokenid, s.created_at, s.rotated_at, s.expires_at, s.ip, s.user_agent
      FROM refreshaccesstokens AS s
      WHERE s.user_id = $1 AND ${isAlive('s')}
      ORDER BY s.rotated_at DESC, s.tokenid DESC`,
    values: [userId],
  });
}
