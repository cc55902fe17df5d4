import { isUtf8 } from 'node:buffer';
import { createHmac, timingSafeEqual, verify } from 'node:crypto';
import type { Algorithm } from '../keys/algorithm.ts';
import type { VerificationKey } from '../keys/key.ts';
import { TokenError } from './token-error.ts';

export interface VerifiedJws {
  /** The `typ` header parameter; undefined when there is none. */
  typ: unknown;
  payload: Buffer;
}

/** What a protected header says, as far as we act on it. */
interface ProtectedHeader {
  typ: unknown;
  /** The configured keys that it may have been signed with. */
  keys: readonly VerificationKey[];
}

// Ours have some 400 characters, or 1,100 when an RSA key of 4096 bits signs
const maxTokenLength = 4096;
const maxKnownHeaders = 32;

/**
 * Gives a function that verifies a JWS in compact serialisation (RFC 7515 §5.2) against configured keys and returns its
 * payload. It throws TokenError for anything that is not exactly that.
 *
 * A token chooses among the configured keys by `kid`, and the key brings its algorithm: `alg` has to agree with it and
 * chooses nothing (RFC 8725 §3.1). Keys that come with a token (`jwk`, `jku`, `x5c`, `x5u`) are not looked at.
 */
export function createJwsVerifier(keys: readonly VerificationKey[]): (token: string) => VerifiedJws {
  // All tokens that one key signs begin with the same header, so a handful of them is read over and over
  const knownHeaders = new Map<string, ProtectedHeader>();

  return (token) => {
    if (token.length > maxTokenLength) throw new TokenError(`longer than ${maxTokenLength} characters`);
    const [protectedPart = '', payloadPart, signaturePart, ...rest] = token.split('.', 4);
    if (payloadPart === undefined || signaturePart === undefined || rest.length > 0)
      throw new TokenError('not three parts');

    const header = knownHeaders.get(protectedPart) ?? readHeader(protectedPart, keys);
    const payload = decode(payloadPart);
    const signature = decode(signaturePart);
    const input = token.slice(0, protectedPart.length + 1 + payloadPart.length);
    if (!header.keys.some((key) => isSignedBy(key, input, signature)))
      throw new TokenError('the signature does not match');

    // Only what a key has signed is remembered
    if (knownHeaders.size < maxKnownHeaders) knownHeaders.set(protectedPart, header);
    return { typ: header.typ, payload };
  };
}

function readHeader(part: string, keys: readonly VerificationKey[]): ProtectedHeader {
  const header = parseJsonObject(decode(part));
  // RFC 7515 §4.1.11: no extension is understood here, and a list of none is not allowed either
  if (header['crit'] !== undefined) throw new TokenError('crit names extensions that are not understood');
  // RFC 7797 §3: an unencoded payload
  if (header['b64'] !== undefined && header['b64'] !== true) throw new TokenError('b64 is not supported');
  const { alg, kid, typ } = header;
  if (kid !== undefined && typeof kid !== 'string') throw new TokenError('kid is not a string');
  const chosen = keys.filter((key) => (kid === undefined || key.kid === kid) && key.algorithm === alg);
  if (chosen.length === 0) throw new TokenError('alg and kid name no configured key');
  return { typ, keys: chosen };
}

/**
 * An object from JSON in UTF-8 (RFC 7515 §5.2 steps 2 and 3). Of members given twice the last one counts, as RFC 7515 §4
 * and RFC 7519 §4 allow.
 */
export function parseJsonObject(bytes: Buffer): Record<string, unknown> {
  if (!isUtf8(bytes)) throw new TokenError('not UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw new TokenError('not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TokenError('not a JSON object');
  return value as Record<string, unknown>;
}

/** RFC 7515 §2: base64url with nothing added, no padding, white space or stray bits (RFC 4648 §3.5). */
function decode(part: string): Buffer {
  const bytes = Buffer.from(part, 'base64url');
  if (bytes.toString('base64url') !== part) throw new TokenError('not base64url');
  return bytes;
}

// RFC 7518 §3.4: two integers of 32 bytes each
const es256SignatureBytes = 64;

function isSignedBy({ key, algorithm }: VerificationKey, input: string, signature: Buffer): boolean {
  switch (algorithm) {
    case 'RS256':
      return verify('sha256', Buffer.from(input), key, signature);
    case 'ES256':
      return (
        signature.length === es256SignatureBytes &&
        verify('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }, signature)
      );
    case 'EdDSA':
      return verify(null, Buffer.from(input), key, signature);
    default: {
      const expected = createHmac(hashes[algorithm], key).update(input).digest();
      return signature.length === expected.length && timingSafeEqual(signature, expected);
    }
  }
}

const hashes = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' } as const satisfies Partial<
  Record<Algorithm, string>
>;
