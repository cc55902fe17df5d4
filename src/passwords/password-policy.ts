import type { Config } from '../config/config.ts';
import { loadBlocklist } from './blocklist.ts';
import type { PasswordPolicy } from './policy.ts';

type PolicySettings = Pick<
  Config,
  'PASSWORD_MIN_LENGTH' | 'PASSWORD_MAX_LENGTH' | 'PASSWORD_BLOCKLIST' | 'PASSWORD_BLOCKLIST_FILE'
>;

/**
 * The policy that the settings describe.
 *
 * @throws BlocklistError when the file of further passwords cannot be read
 */
export async function loadPasswordPolicy(settings: PolicySettings): Promise<PasswordPolicy> {
  const {
    PASSWORD_MIN_LENGTH: minLength,
    PASSWORD_MAX_LENGTH: maxLength,
    PASSWORD_BLOCKLIST_FILE: file,
  } = settings;
  const blocklist =
    settings.PASSWORD_BLOCKLIST === 'on'
      ? await loadBlocklist({ minLength, ...(file !== undefined && { file }) })
      : null;
  return { minLength, maxLength, blocklist };
}
