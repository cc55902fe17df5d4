import { SessionPruner } from '../../src/sessions/prune.ts';
import type { TestApp } from './app.ts';
import type { TestDatabase } from './database.ts';

export interface Ages {
  count?: number;
  /** From now, as Postgres writes intervals. */
  expiresIn?: string;
  idleFor?: string;
}

/** Adds sessions with an idle limit of 14 days to a user of their own; returns their ids. */
export async function addSessions(
  { client }: TestDatabase,
  { count = 1, expiresIn = '1 day', idleFor = '1 day' }: Ages,
): Promise<number[]> {
  const { rows } = await client.query<{ tokenid: string }>(
    `WITH owner AS (
       INSERT INTO users (name, email, location, password) VALUES ('Ada', gen_random_uuid() || '@example.com', '', 'x')
       RETURNING user_id
     )
     INSERT INTO refreshaccesstokens (tokens, user_id, created_at, rotated_at, expires_at, idle_seconds)
     SELECT sha256(gen_random_uuid()::text::bytea), user_id, now() - interval '29 days',
       now() - $2::interval, now() + $3::interval - i * interval '1 ms', 14 * 86400
     FROM owner, generate_series(1, $1::integer) AS i
     RETURNING tokenid`,
    [count, idleFor, expiresIn],
  );
  return rows.map(({ tokenid }) => Number(tokenid));
}

export async function sessionIds({ client }: TestDatabase): Promise<number[]> {
  const { rows } = await client.query('SELECT tokenid FROM refreshaccesstokens ORDER BY tokenid');
  return rows.map(({ tokenid }) => Number(tokenid));
}

/** A pruner on the app's own pool, which does nothing until it is told to. */
export function prunerOf({ app }: TestApp, intervalSeconds = 60): SessionPruner {
  return new SessionPruner({ db: app.database, logger: app.log, intervalSeconds, isServing: () => true });
}

/** What passes have logged: one line each. */
export function pruningReports({ logLines }: Pick<TestApp, 'logLines'>): Record<string, unknown>[] {
  return logLines.filter(({ msg }) => msg === 'pruned ended sessions');
}
