import { type Database, query } from './query.ts';

/** Where the sessions of the user with this (normalised) email were opened from; also those that have just expired. */
export async function selectSessionAddresses(db: Database, email: string): Promise<string[]> {
  const rows = await query<{ ip: string }>(db, {
    name: 'select_session_addresses',
    text: `
      SELECT DISTINCT s.ip
      FROM users AS u
      JOIN refreshaccesstokens AS s USING (user_id)
      WHERE u.email = $1 AND s.ip IS NOT NULL`,
    values: [email],
  });
  return rows.map(({ ip }) => ip);
}
