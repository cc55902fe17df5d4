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

const sessionColumns = `
  tokenid, user_id, generation,
  floor(extract(epoch FROM rotated_at))::bigint AS rotated_at,
  floor(extract(epoch FROM least(expires_at, rotated_at + idle_seconds * interval '1 second')))::bigint AS refresh_expires_at,
  floor(extract(epoch FROM now()))::bigint AS now`;

/** Neither over nor left idle for too long. */
export const isAlive = `expires_at > now() AND rotated_at + idle_seconds * interval '1 second' > now()`;

/**
 * A refresh with a token of handle hash $1 and generation $2 succeeds, the grace being $3 seconds: it is the current
 * generation, or was until then.
 */
export const isRefreshable = `
  tokens = $1
  AND (generation = $2
    OR (generation = $2 + 1 AND $3::integer > 0 AND rotated_at > now() - $3::integer * interval '1 second'))
  AND ${isAlive}`;

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
}

/**
 * Opens a session, provided that the user's password is still the one that was checked: FOR SHARE waits for a
 * change that is under way, so that no login slips past it. Undefined when the hash or the user is gone.
 */
export async function insertSession(db: Database, session: NewSession): Promise<SessionRow | undefined> {
  const [row] = await query<SessionRow>(db, {
    name: 'insert_session',
    text: `
      INSERT INTO refreshaccesstokens (tokens, user_id, expires_at, idle_seconds, user_agent, ip)
      SELECT $3, user_id, now() + $4::integer * interval '1 second', $5, $6, $7
      FROM users
      WHERE user_id = $1 AND password = $2
      FOR SHARE
      RETURNING ${sessionColumns}`,
    values: [
      session.userId,
      session.passwordHash,
      session.handleHash,
      session.lifetimeSeconds,
      session.idleSeconds,
      session.userAgent,
      session.ip,
    ],
  });
  return row;
}

export interface PresentedRefreshToken {
  handleHash: Buffer;
  generation: number;
}

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
): Promise<SessionRow | undefined> {
  const [row] = await query<SessionRow>(db, {
    name: 'rotate_session',
    text: `
      UPDATE refreshaccesstokens
      SET generation = $2 + 1,
          rotated_at = CASE WHEN generation = $2 THEN now() ELSE rotated_at END
      WHERE ${isRefreshable}
      RETURNING ${sessionColumns}`,
    values: [presented.handleHash, presented.generation, graceSeconds],
  });
  return row;
}

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
