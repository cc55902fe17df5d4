import { ApiError } from '../errors.ts';
import type { Database } from '../storage/query.ts';
import { selectUserBySession } from '../storage/users.ts';
import { type User, userFrom } from './user.ts';

export interface FindUserDeps {
  db: Database;
}

/**
 * The user a session belongs to, in one statement that also sees to it that the session is still alive.
 *
 * @throws ApiError SESSION_ENDED
 */
export async function findUserBySession(
  { db }: FindUserDeps,
  session: { userId: number; sessionId: number },
): Promise<User> {
  const row = await selectUserBySession(db, session);
  if (!row) throw new ApiError('SESSION_ENDED');
  return userFrom(row);
}
