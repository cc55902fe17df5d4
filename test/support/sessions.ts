import type { TestApp } from './app.ts';
import { claimsOf } from './forged-tokens.ts';

/** The sessions of a user as they are stored, the oldest first. */
export async function storedSessions(
  { database }: Pick<TestApp, 'database'>,
  userId: number,
): Promise<{ id: number; generation: number }[]> {
  const { rows } = await database.client.query<{ id: number; generation: number }>(
    'SELECT tokenid::int AS id, generation FROM refreshaccesstokens WHERE user_id = $1 ORDER BY tokenid',
    [userId],
  );
  return rows;
}

/** The id of the session that an access token speaks for. */
export function sessionIdOf(accessToken: string): number {
  return Number(claimsOf(accessToken)['sid']);
}
