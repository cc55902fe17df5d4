import type { LoginRefusal } from '../observability/events.ts';
import type { Log } from '../observability/logger.ts';
import type { PasswordHasher } from '../passwords/hasher.ts';
import { preparePassword } from '../passwords/policy.ts';
import type { Database } from '../storage/query.ts';
import { replacePasswordHash, selectCredentials } from '../storage/users.ts';
import { normaliseEmail } from './email.ts';

export interface CredentialsDeps {
  db: Database;
  hasher: PasswordHasher;
  logger: Log;
}

export interface VerifiedCredentials {
  userId: number;
  /** The stored hash that the password matched. */
  passwordHash: string;
  /** Rewrites the hash when it is of an old form or cost; does nothing when it is not. */
  upgradeHash(): Promise<void>;
}

/** Why they were not accepted, and whose they would have been. Not for the client. */
export interface RefusedCredentials {
  refused: LoginRefusal;
  userId: number | null;
}

/**
 * Checks an email and a password. An unknown email takes the same time as a wrong password (ASVS 6.3.8). A wrong one is refused
 * even if nobody waits for it any more, so that a guess counts.
 *
 * @throws ApiError PASSWORD_HASHING_BUSY when too many are waiting
 * @throws the signal's reason when it has fired
 */
export async function verifyCredentials(
  deps: CredentialsDeps,
  { email, password, signal }: { email: string; password: string; signal?: AbortSignal },
): Promise<VerifiedCredentials | RefusedCredentials> {
  const stored = await selectCredentials(deps.db, normaliseEmail(email));
  const verdict = await deps.hasher.verify(password, stored?.password ?? null, signal);
  if (verdict.malformed) {
    deps.logger.warn(
      { user_id: stored?.user_id },
      'the stored password hash is of no known form: nobody can log in with it',
    );
  }
  if (!stored) return { refused: 'unknown_email', userId: null };
  if (!verdict.matches) {
    const refused = verdict.malformed ? 'unusable_hash' : 'wrong_password';
    return { refused, userId: stored.user_id };
  }
  signal?.throwIfAborted();
  const { user_id: userId, password: passwordHash } = stored;
  return {
    userId,
    passwordHash,
    upgradeHash: async () => {
      if (verdict.needsRehash) await rewriteHash(deps, { userId, oldHash: passwordHash, password });
    },
  };
}

async function rewriteHash(
  { db, hasher, logger }: CredentialsDeps,
  { userId, oldHash, password }: { userId: number; oldHash: string; password: string },
): Promise<void> {
  try {
    const newHash = await hasher.hash(preparePassword(password));
    await replacePasswordHash(db, { userId, oldHash, newHash });
  } catch (error) {
    // No reason to refuse a right password: the next login tries again
    logger.warn({ err: error, user_id: userId }, 'an old password hash could not be rewritten');
  }
}
