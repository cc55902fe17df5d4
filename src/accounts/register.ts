import { ApiError, type ErrorCode } from '../errors.ts';
import { type EventSink, type Origin, unfinished } from '../observability/events.ts';
import type { PasswordHasher } from '../passwords/hasher.ts';
import { checkPassword, type PasswordPolicy, preparePassword } from '../passwords/policy.ts';
import type { Database } from '../storage/query.ts';
import { insertUser } from '../storage/users.ts';
import { normaliseEmail } from './email.ts';
import { type User, userFrom } from './user.ts';

export interface RegisterDeps {
  db: Database;
  hasher: PasswordHasher;
  passwordPolicy: PasswordPolicy;
  events: EventSink;
}

export interface NewAccount {
  name: string;
  email: string;
  location: string;
  about: string | null;
  password: string;
  /** Aborted when the answer is no longer wanted: the password leaves the queue, and no account is created. */
  signal?: AbortSignal;
  origin: Origin;
}

const outcomes: Partial<Record<ErrorCode, 'taken' | 'refused'>> = {
  EMAIL_ALREADY_EXISTS: 'taken',
  VALIDATION_ERROR: 'refused',
};

/**
 * Creates an account.
 *
 * @throws ApiError VALIDATION_ERROR when the password is not acceptable, EMAIL_ALREADY_EXISTS, or
 * PASSWORD_HASHING_BUSY when too many are waiting
 * @throws the signal's reason when it has fired before the account is written
 */
export async function register(deps: RegisterDeps, account: NewAccount): Promise<User> {
  const { origin } = account;
  try {
    const user = await create(deps, account);
    deps.events.emit({ type: 'registration', outcome: 'succeeded', userId: user.user_id, origin });
    return user;
  } catch (error) {
    const refusal = error instanceof ApiError ? outcomes[error.code] : undefined;
    deps.events.emit({ type: 'registration', outcome: refusal ?? unfinished(error), origin });
    throw error;
  }
}

async function create({ db, hasher, passwordPolicy }: RegisterDeps, account: NewAccount): Promise<User> {
  const email = normaliseEmail(account.email);
  const password = preparePassword(account.password);
  const refusals = checkPassword(password, { email, name: account.name }, passwordPolicy);
  if (refusals.length > 0) {
    const errors = refusals.map(({ message }) => ({ field: 'password', message }));
    throw new ApiError('VALIDATION_ERROR', { errors });
  }

  const passwordHash = await hasher.hash(password, account.signal);
  account.signal?.throwIfAborted();
  const row = await insertUser(db, {
    name: account.name,
    email,
    location: account.location,
    about: account.about,
    passwordHash,
  });
  if (!row) throw new ApiError('EMAIL_ALREADY_EXISTS');
  return userFrom(row);
}
