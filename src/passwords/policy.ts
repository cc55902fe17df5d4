/** How long a new password is, and which ones are refused because everybody tries them first. */
export interface PasswordPolicy {
  /** Code points, at least. NIST SP 800-63B-4 §3.1.1.2 asks for 15, or 8 beside a second factor. */
  minLength: number;
  /** Code points, at most. NIST asks for 64 or more; the bound only keeps requests small. */
  maxLength: number;
  /** Lower-cased common passwords, see loadBlocklist. null switches the comparison off. */
  blocklist: ReadonlySet<string> | null;
}

export type PasswordProblemReason =
  | 'too_short'
  | 'too_long'
  | 'malformed_text'
  | 'control_character'
  | 'blank'
  | 'common'
  | 'contains_email'
  | 'same_as_name';

/** One reason for refusing a password, with a sentence for the person who chose it. */
export interface PasswordProblem {
  reason: PasswordProblemReason;
  message: string;
}

const space = /\p{Zs}/gu;
const controlCharacter = /\p{Cc}/u;

/**
 * The form in which a password is judged and hashed, so that the same keys pressed on another device give the
 * same bytes: RFC 8265 §4.2.1 (OpaqueString), non-ASCII spaces become U+0020, then NFC. Case stays, nothing is
 * trimmed. Preparing twice changes nothing.
 */
export function preparePassword(raw: string): string {
  return raw.replace(space, ' ').normalize('NFC');
}

/** Two texts that differ only in case, kind of space or composition fold to the same one. */
export function foldPassword(text: string): string {
  return preparePassword(text).toLowerCase();
}

/** Length in code points: an emoji outside the BMP counts once (NIST SP 800-63B-4 §3.1.1.2). */
export function countCodePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/**
 * Everything that is wrong with a new password; an empty list means that it may be used.
 *
 * The whole password is compared, never parts of it, and there are no rules of composition: both are what
 * NIST SP 800-63B-4 §3.1.1.2 asks for. The one exception is the account's full email address, which adds
 * nothing a guesser does not have.
 *
 * @param prepared the result of preparePassword
 * @param account the email and name being registered, in any case; empty ones are not compared
 */
export function checkPassword(
  prepared: string,
  account: { email: string; name: string },
  policy: PasswordPolicy,
): PasswordProblem[] {
  const problems: PasswordProblem[] = [];
  const refuse = (reason: PasswordProblemReason, message: string) => problems.push({ reason, message });

  const length = countCodePoints(prepared);
  if (length < policy.minLength) refuse('too_short', `must have at least ${policy.minLength} characters`);
  if (length > policy.maxLength) refuse('too_long', `must have at most ${policy.maxLength} characters`);
  // Every lone surrogate becomes the same U+FFFD in UTF-8: two different passwords would share one hash.
  if (!prepared.isWellFormed()) refuse('malformed_text', 'must be valid Unicode text');
  if (controlCharacter.test(prepared)) {
    refuse('control_character', 'must not contain control characters');
  }

  if (prepared.trim() === '') refuse('blank', 'must not be blank');

  const folded = prepared.toLowerCase();
  if (policy.blocklist?.has(folded)) refuse('common', 'is one of the passwords that are tried first');
  if (isAboutEmail(folded, foldPassword(account.email))) {
    refuse('contains_email', 'must not contain your email address or be the first part of it');
  }
  const name = foldPassword(account.name).trim();
  if (name !== '' && folded.trim() === name) refuse('same_as_name', 'must not be your name');
  return problems;
}

function isAboutEmail(password: string, email: string): boolean {
  if (email === '') return false;
  const localPart = email.slice(0, email.lastIndexOf('@'));
  return password.includes(email) || password === localPart;
}
