import {
  type CredentialsDeps,
  type RefusedCredentials,
  type VerifiedCredentials,
  verifyCredentials,
} from '../accounts/credentials.ts';
import { ApiError } from '../errors.ts';
import { type EventSink, type Origin, unfinished } from '../observability/events.ts';
import { insertSession, type SessionRow } from '../storage/sessions.ts';
import { hashHandle, newHandle } from '../tokens/refresh-token.ts';
import { type LoggedIn, type TokenPairDeps, tokenPair } from './token-pair.ts';

export interface LogInInput {
  email: string;
  password: string;
  /** What the client says it is; kept with the session, as is the address it calls from. */
  userAgent: string | null;
  origin: Origin;
  /** Aborted when the answer is no longer wanted, so that the password leaves the queue. */
  signal?: AbortSignal;
}

export interface LogInDeps extends CredentialsDeps, TokenPairDeps {
  events: EventSink;
}

const maxUserAgentLength = 512;

/**
 * Checks the password and opens a session. The user's oldest session ends when there would be more than the limit.
 *
 * @throws ApiError INVALID_CREDENTIALS, or PASSWORD_HASHING_BUSY when too many are waiting
 */
export async function logIn(deps: LogInDeps, input: LogInInput): Promise<LoggedIn> {
  const { events } = deps;
  const { origin } = input;
  const handle = newHandle();
  const attempt = await checkAndOpen(deps, handle, input).catch((error: unknown) => {
    events.emit({ type: 'login', outcome: unfinished(error), origin });
    throw error;
  });
  if ('refused' in attempt) {
    const { refused: reason, userId } = attempt;
    events.emit({ type: 'login', outcome: 'refused', reason, userId, origin });
    throw new ApiError('INVALID_CREDENTIALS');
  }
  const { user_id: userId, tokenid: sessionId } = attempt;
  events.emit({ type: 'login', outcome: 'succeeded', userId, sessionId, origin });
  return { userId, tokens: tokenPair(deps, attempt, handle) };
}

async function checkAndOpen(
  deps: LogInDeps,
  handle: string,
  input: LogInInput,
): Promise<SessionRow | RefusedCredentials> {
  let userId: number | null = null;
  // The stored hash may be replaced between the check and the opening: by a change of the password, or by another
  // login that rewrote an old hash. The second attempt tells one from the other.
  for (let attempt = 1; attempt <= 2; attempt++) {
    const verified = await verifyCredentials(deps, input);
    if ('refused' in verified) {
      const changed = attempt === 2 && verified.refused === 'wrong_password';
      return changed ? { ...verified, refused: 'password_changed' } : verified;
    }
    const session = await openSession(deps, verified, handle, input);
    if (session) {
      await verified.upgradeHash();
      return session;
    }
    userId = verified.userId;
  }
  return { refused: 'password_changed', userId };
}

function openSession(
  { db, sessionLimits }: LogInDeps,
  { userId, passwordHash }: VerifiedCredentials,
  handle: string,
  { userAgent, origin }: LogInInput,
): Promise<SessionRow | undefined> {
  return insertSession(db, {
    userId,
    passwordHash,
    handleHash: hashHandle(handle),
    lifetimeSeconds: sessionLimits.lifetimeSeconds,
    idleSeconds: sessionLimits.idleSeconds,
    userAgent: userAgent?.slice(0, maxUserAgentLength) ?? null,
    ip: origin.address,
    sessionsPerUserMax: sessionLimits.perUserMax,
  });
}
