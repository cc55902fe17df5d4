import { type Database, query } from './query.ts';
import { isAlive } from './sessions.ts';

export interface UserRow {
  user_id: number;
  name: string;
  email: string;
  location: string;
  about: string | null;
  created_at: Date;
  updated_at: Date;
}

export interface NewUser {
  name: string;
  /** Normalised. */
  email: string;
  location: string;
  about: string | null;
  /** The hash, never the password. */
  passwordHash: string;
}

/** The new user, or undefined when the email is taken. A conflict is no SQL error: that would cost a connection. */
export async function insertUser(db: Database, user: NewUser): Promise<UserRow | undefined> {
  const [row] = await query<UserRow>(db, {
    name: 'insert_user',
    text: `
      INSERT INTO users (name, email, location, about, password)
      VALUES ($1, $2, $3, $4, $5)
      ON CONFLICT (email) DO NOTHING
      RETURNING user_id, name, email, location, about, created_at, updated_at`,
    values: [user.name, user.email, user.location, user.about, user.passwordHash],
  });
  return row;
}

export interface CredentialsRow {
  user_id: number;
  password: string;
}

/** Whose password to check; undefined when nobody has the (normalised) email. */
export async function selectCredentials(db: Database, email: string): Promise<CredentialsRow | undefined> {
  const [row] = await query<CredentialsRow>(db, {
    name: 'select_credentials',
    text: 'SELECT user_id, password FROM users WHERE email = $1',
    values: [email],
  });
  return row;
}

/** Puts another hash of the same password in place, unless the password has changed meanwhile. */
export async function replacePasswordHash(
  db: Database,
  { userId, oldHash, newHash }: { userId: number; oldHash: string; newHash: string },
): Promise<void> {
  await query(db, {
    name: 'replace_password_hash',
    text: 'UPDATE users SET password = $3 WHERE user_id = $1 AND password = $2',
    values: [userId, oldHash, newHash],
  });
}

const userBySession = `
  SELECT u.user_id, u.name, u.email, u.location, u.about, u.created_at, u.updated_at
  FROM refreshaccesstokens AS s
  JOIN users AS u ON u.user_id = s.user_id
  WHERE s.tokenid = $1
    AND ${isAlive('s')}`;

/** The user of a session that is alive, or undefined when that session has ended. */
export async function selectUserBySession(
  db: Database,
  { userId, sessionId }: { userId: number; sessionId: number },
): Promise<UserRow | undefined> {
  const [row] = await query<UserRow>(db, {
    name: 'select_user_by_session',
    text: userBySession,
    values: [sessionId],
  });
  // Compared here, so that the planner has no index to choose but that of the session
  return row?.user_id === userId ? row : undefined;
}
