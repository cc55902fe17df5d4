import type { Client } from 'pg';

export interface LegacyOptions {
  /** Whether the columns own their sequences, as with serial. */
  owned?: boolean;
}

/** Creates the tables as SQLAlchemy did for the Python program. */
export async function createLegacyTables(
  client: Client,
  { owned = true }: LegacyOptions = {},
): Promise<void> {
  await createLegacyUsers(client, { owned });
  await client.query(`
    CREATE SEQUENCE refreshaccesstokens_tokenid_seq AS integer;
    CREATE TABLE refreshaccesstokens (
      tokenid integer PRIMARY KEY DEFAULT nextval('refreshaccesstokens_tokenid_seq'),
      tokens text UNIQUE,
      type varchar,
      user_id integer REFERENCES users (user_id)
    );
    CREATE INDEX ix_refreshaccesstokens_tokenid ON refreshaccesstokens (tokenid);
    ${owned ? 'ALTER SEQUENCE refreshaccesstokens_tokenid_seq OWNED BY refreshaccesstokens.tokenid;' : ''}`);
}

export async function createLegacyUsers(client: Client, { owned = true }: LegacyOptions = {}): Promise<void> {
  await client.query(`
    CREATE SEQUENCE users_user_id_seq AS integer;
    CREATE TABLE users (
      user_id integer PRIMARY KEY DEFAULT nextval('users_user_id_seq'),
      name varchar NOT NULL,
      email varchar NOT NULL UNIQUE,
      location varchar NOT NULL,
      about text,
      password varchar NOT NULL
    );
    CREATE INDEX ix_users_user_id ON users (user_id);
    ${owned ? 'ALTER SEQUENCE users_user_id_seq OWNED BY users.user_id;' : ''}`);
}

export interface LegacyUser {
  email: string;
  /** The stored hash. */
  password: string;
}

/** Adds users as the Python program did, each with a refresh token that never expires; returns their ids. */
export async function addLegacyUsers(client: Client, users: readonly LegacyUser[]): Promise<number[]> {
  const ids: number[] = [];
  for (const { email, password } of users) {
    const { rows } = await client.query<{ user_id: number }>(
      `INSERT INTO users (name, email, location, password) VALUES ('Grace', $1, 'New York', $2) RETURNING user_id`,
      [email, password],
    );
    ids.push(...rows.map(({ user_id }) => user_id));
  }
  await client.query(
    `INSERT INTO refreshaccesstokens (tokens, type, user_id)
     SELECT 'eyJhbGciOiJIUzI1NiJ9.' || user_id, 'Bearer', user_id FROM users WHERE user_id = ANY ($1)`,
    [ids],
  );
  return ids;
}
