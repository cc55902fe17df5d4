import type { Database } from '../storage/query.ts';
import { deleteSession, deleteSessionByHandle } from '../storage/session-ends.ts';
import { hashHandle } from '../tokens/refresh-token.ts';
import type { TokenKinds } from '../tokens/token-kind.ts';
import { recogniseToken } from './presented-token.ts';

export interface RevokeDeps {
  db: Database;
  tokens: TokenKinds;
}

/**
 * Ends the session of a token of either kind, and with it all its tokens (RFC 7009 §2.1): in one statement, or none
 * for what is not one of our tokens. Whether there was anything to end is not told (§2.2).
 *
 * @throws ApiError DATABASE_UNAVAILABLE, upon which the session must be taken to be alive (§2.2.1)
 */
export async function revoke({ db, tokens }: RevokeDeps, token: string): Promise<void> {
  const recognised = recogniseToken(tokens, token);
  if (recognised?.kind === 'access') await deleteSession(db, recognised);
  if (recognised?.kind === 'refresh') await deleteSessionByHandle(db, hashHandle(recognised.handle));
}
