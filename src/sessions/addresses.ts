import { normaliseEmail } from '../accounts/email.ts';
import type { Database } from '../storage/query.ts';
import { selectSessionAddresses } from '../storage/session-addresses.ts';

/**
 * Where the sessions of an account were opened from, each address once; none when nobody has this email.
 *
 * @throws ApiError DATABASE_UNAVAILABLE
 */
export function addressesOfSessions(db: Database, email: string): Promise<string[]> {
  return selectSessionAddresses(db, normaliseEmail(email));
}
