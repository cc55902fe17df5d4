import type { EventSink, Origin, SessionIds } from '../observability/events.ts';
import type { Database } from '../storage/query.ts';
import { deleteSession, deleteSessionByHandle } from '../storage/session-ends.ts';
import { hashHandle } from '../tokens/refresh-token.ts';
import type { TokenKinds } from '../tokens/token-kind.ts';
import { type PresentedToken, recogniseToken } from './presented-token.ts';

export interface RevokeDeps {
  db: Database;
  tokens: TokenKinds;
  events: EventSink;
}

/**
 * Ends the session of a token of either kind, and with it all its tokens (RFC 7009 §2.1): in one statement, or none
 * for what is not one of our tokens. Whether there was something to end is not told (§2.2).
 *
 * @throws ApiError DATABASE_UNAVAILABLE, upon which the session must be taken to be alive (§2.2.1)
 */
export async function revoke(
  { db, tokens, events }: RevokeDeps,
  token: string,
  origin: Origin,
): Promise<void> {
  const ended = await endSessionOf(db, recogniseToken(tokens, token));
  if (ended) events.emit({ type: 'session_end', reason: 'revoked', ...ended, origin });
}

/** The session that was ended, or undefined when there was none to end. */
async function endSessionOf(
  db: Database,
  token: PresentedToken | undefined,
): Promise<SessionIds | undefined> {
  if (token?.kind === 'refresh') return deleteSessionByHandle(db, hashHandle(token.handle));
  if (token === undefined || !(await deleteSession(db, token))) return undefined;
  return { userId: token.userId, sessionId: token.sessionId };
}
