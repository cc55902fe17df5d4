import type { UserRow } from '../storage/users.ts';

/** A user as the outside sees it: never the hash. Times are RFC 3339 in UTC. */
export interface User {
  user_id: number;
  name: string;
  email: string;
  location: string;
  about: string | null;
  created_at: string;
  updated_at: string;
}

export function userFrom(row: UserRow): User {
  return { ...row, created_at: row.created_at.toISOString(), updated_at: row.updated_at.toISOString() };
}
