import {
  type CredentialsDeps,
  type VerifiedCredentials,
  verifyCredentials,
} from '../accounts/credentials.ts';
import { ApiError } from '../errors.ts';
import { insertSession, type SessionRow } from '../storage/sessions.ts';
import { hashHandle, newHandle } from '../tokens/refresh-token.ts';
import { type LoggedIn, type TokenPairDeps, tokenPair } from './token-pair.ts';

export interface LogInInput {
  email: string;
  password: string;
  /** What the client says it is and where it calls from, kept with the session. */
  userAgent: string | null;
  ip: string | null;
  /** Aborted when the answer is no longer wanted, so that the password leaves the queue. */
  signal?: AbortSignal;
}

const maxUserAgentLength = 512;

/**
 * Checks the password and opens a session. The user's oldest session ends when there would be more than the limit.
 *
 * @throws ApiError INVALID_CREDENTIALS, or PASSWORD_HASHING_BUSY when too many are waiting
 */
export async function logIn(deps: CredentialsDeps & TokenPairDeps, input: LogInInput): Promise<LoggedIn> {
  const handle = newHandle();
  // The stored hash may be replaced between the check and the opening: by a change of the password, or by another
  // login that rewrote an old hash. The second attempt tells one from the other.
  for (let attempt = 1; attempt <= 2; attempt++) {
    const verified = await verifyCredentials(deps, input);
    const session = await openSession(deps, verified, handle, input);
    if (session) {
      await verified.upgradeHash();
      return { userId: session.user_id, tokens: tokenPair(deps, session, handle) };
    }
  }
  throw new ApiError('INVALID_CREDENTIALS', { cause: 'the password was changed during the login' });
}

function openSession(
  { db, sessionLimits }: CredentialsDeps & TokenPairDeps,
  { userId, passwordHash }: VerifiedCredentials,
  handle: string,
  { userAgent, ip }: LogInInput,
): Promise<SessionRow | undefined> {
  return insertSession(db, {
    userId,
    passwordHash,
    handleHash: hashHandle(handle),
    lifetimeSeconds: sessionLimits.lifetimeSeconds,
    idleSeconds: sessionLimits.idleSeconds,
    userAgent: userAgent?.slice(0, maxUserAgentLength) ?? null,
    ip,
    sessionsPerUserMax: sessionLimits.perUserMax,
  });
}
