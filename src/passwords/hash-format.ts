import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { decodeBase64, encodeBase64 } from 'bcryptjs';

/** `$2b$12$` + 22 characters of salt + 31 of digest, as OpenBSD's bcrypt writes it. */
export interface PlainHash {
  form: 'bcrypt';
  /** The program family that wrote it. All three mean the same algorithm; $2x$, a broken one, is not read. */
  ident: '2a' | '2b' | '2y';
  /** log2 of the rounds, 4 to 31. */
  cost: number;
  salt: string;
  digest: string;
}

/**
 * passlib's bcrypt_sha256: bcrypt over the base64 of a SHA-256, so that every byte of a long password counts.
 * Version 2 (passlib 1.7.3) is an HMAC keyed with the 22 characters of salt, version 1 a bare digest.
 * https://passlib.readthedocs.io/en/stable/lib/passlib.hash.bcrypt_sha256.html#format
 */
export interface DigestedHash {
  form: 'bcrypt-sha256';
  version: 1 | 2;
  ident: '2a' | '2b';
  cost: number;
  salt: string;
  digest: string;
}

export type StoredHash = PlainHash | DigestedHash;

/** bcrypt reads this many bytes of its input and ignores the rest. */
export const bcryptMaxBytes = 72;

const saltBytes = 16;
const digestBytes = 23;
const saltPattern = '(?<salt>[./A-Za-z0-9]{22})';
const digestPattern = '(?<digest>[./A-Za-z0-9]{31})';
const plainPattern = new RegExp(`^\\$(?<ident>2[aby])\\$(?<cost>\\d{2})\\$${saltPattern}${digestPattern}$`);
const digestedPattern = new RegExp(
  '^\\$bcrypt-sha256\\$(?:v=(?<version>2),t=(?<ident>2b),r=|(?<oldIdent>2[ab]),)(?<cost>[1-9]\\d?)' +
    `\\$${saltPattern}\\$${digestPattern}$`,
);

/**
 * What a stored hash says about itself, or null when it is none of the forms that are verified here.
 *
 * Salt and digest come back in canonical spelling. 22 characters of base64 hold 132 bits of a 128-bit salt, and
 * 31 hold 186 of a 184-bit digest; some programs left rubbish in the spare bits, which bcrypt ignores and
 * passlib clears before it keys its HMAC.
 */
export function parseStoredHash(stored: string): StoredHash | null {
  const plain = plainPattern.exec(stored)?.groups;
  const groups = plain ?? digestedPattern.exec(stored)?.groups;
  if (groups === undefined) return null;
  const { cost: costDigits, salt = '', digest = '', version, ident, oldIdent } = groups;
  const cost = Number(costDigits);
  if (!isCost(cost)) return null;
  const common = { cost, salt: canonical(salt, saltBytes), digest: canonical(digest, digestBytes) };
  // The casts repeat what the patterns let through.
  if (plain !== undefined) return { form: 'bcrypt', ident: ident as PlainHash['ident'], ...common };
  return {
    form: 'bcrypt-sha256',
    version: version === undefined ? 1 : 2,
    ident: (ident ?? oldIdent) as DigestedHash['ident'],
    ...common,
  };
}

/** log2 of the rounds, within what bcrypt's format can say. */
function isCost(cost: number): boolean {
  return cost >= 4 && cost <= 31;
}

function canonical(base64: string, bytes: number): string {
  return encodeBase64(decodeBase64(base64, bytes), bytes);
}

/** The text that goes into the `password` column; parseStoredHash reads it back. */
export function formatStoredHash(hash: StoredHash): string {
  if (hash.form === 'bcrypt') return `${bcryptSetting(hash, hash.ident)}${hash.digest}`;
  const parameters = hash.version === 2 ? `v=2,t=${hash.ident},r=${hash.cost}` : `${hash.ident},${hash.cost}`;
  return `$bcrypt-sha256$${parameters}$${hash.salt}$${hash.digest}`;
}

/** bcrypt's "setting": identifier, cost and salt, without a digest. */
export function bcryptSetting(
  hash: { cost: number; salt: string },
  ident: PlainHash['ident'] = '2b',
): string {
  return `$${ident}$${String(hash.cost).padStart(2, '0')}$${hash.salt}`;
}

/** 16 random bytes in bcrypt's alphabet, 22 characters. */
export function encodeSalt(random: Uint8Array): string {
  return encodeBase64(random, saltBytes);
}

/**
 * A hash of this cost that was never computed from a password, and that none will be found for: the chance that one
 * matches its random digest is 1 in 2^184. Verifying against it takes as long as against any other.
 *
 * @throws RangeError when there are no hashes of this cost
 */
export function unmatchableHash(cost: number): PlainHash {
  if (!isCost(cost)) throw new RangeError(`bcrypt has no cost of ${cost}`);
  const digest = encodeBase64(randomBytes(digestBytes), digestBytes);
  return { form: 'bcrypt', ident: '2b', cost, salt: encodeSalt(randomBytes(saltBytes)), digest };
}

/**
 * The form in which this password is stored today.
 *
 * From 72 bytes on, not from 73: a plain hash of exactly 72 bytes would also verify for the same 72 with
 * anything after them. And with a NUL in it, because bcrypt ends its input with one and repeats it, so that
 * "a" and "a\0a" are the same password to it.
 */
export function formFor(password: string): StoredHash['form'] {
  return Buffer.byteLength(password) < bcryptMaxBytes && !password.includes('\0')
    ? 'bcrypt'
    : 'bcrypt-sha256';
}

/**
 * What bcrypt is given for a password, or null when this hash cannot be of this password.
 *
 * A plain hash met with more than 72 bytes is verified over the first 72, as the program that wrote it did: the
 * engines cut there. A plain hash is never of a password with a NUL (see formFor); C programs stop at the first,
 * and taking their side would let "secret\0anything" in.
 */
export function bcryptInput(
  hash: Pick<PlainHash, 'form'> | Pick<DigestedHash, 'form' | 'version' | 'salt'>,
  password: string,
): string | null {
  if (hash.form === 'bcrypt') return password.includes('\0') ? null : password;
  const sha256 = hash.version === 2 ? createHmac('sha256', hash.salt) : createHash('sha256');
  return sha256.update(password, 'utf8').digest('base64');
}

/** Whether bcrypt's full output carries the stored digest; takes the same time wherever they differ. */
export function digestMatches(hash: StoredHash, bcryptOutput: string): boolean {
  return timingSafeEqual(Buffer.from(hash.digest), Buffer.from(digestOf(bcryptOutput)));
}

/** The 31 characters after a 29-character setting. */
export function digestOf(bcryptOutput: string): string {
  return bcryptOutput.slice(29);
}

/** True unless hashing this password today, at this cost, would give a hash of the same kind. */
export function needsRehash(hash: StoredHash, password: string, cost: number): boolean {
  return (
    hash.cost !== cost ||
    hash.ident !== '2b' ||
    hash.form !== formFor(password) ||
    (hash.form === 'bcrypt-sha256' && hash.version !== 2)
  );
}
