import { createHash, createSecretKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import type { Algorithm, SecretAlgorithm } from './algorithm.ts';

/** A key that verifies signatures, with the one algorithm it does that with (RFC 8725 §3.1). */
export interface VerificationKey {
  /** RFC 7638 thumbprint. */
  readonly kid: string;
  readonly algorithm: Algorithm;
  /** A secret, or the public half of a pair. */
  readonly key: KeyObject;
}

/** A key that signs, and verifies what it has signed. */
export interface SigningKey extends VerificationKey {
  /** What a signer takes: a secret, or both halves of a pair as PEM. */
  readonly material: string | { private: string; public: string };
}

/** The keys of one kind of token: one signs, and all of them verify. */
export interface KeySet {
  readonly signing: SigningKey;
  readonly verifying: readonly VerificationKey[];
}

/** What may be said of keys in the log: the kid is in every token. */
export function kidsOf({ signing, verifying }: KeySet): { signs: string; accepted: string[] } {
  return { signs: signing.kid, accepted: verifying.map(({ kid }) => kid) };
}

export function keyFromSecret(secret: string, algorithm: SecretAlgorithm): SigningKey {
  const key = createSecretKey(secret, 'utf8');
  return { kid: thumbprint(key), algorithm, key, material: secret };
}

// RFC 7638 §3.2 and RFC 8037 §2: the members that make up a key, in lexicographic order
const requiredMembers: Record<string, readonly (keyof JsonWebKey)[]> = {
  oct: ['k', 'kty'],
  RSA: ['e', 'kty', 'n'],
  EC: ['crv', 'kty', 'x', 'y'],
  OKP: ['crv', 'kty', 'x'],
};

/**
 * The RFC 7638 thumbprint of a secret or public key: base64url of a SHA-256.
 *
 * Of a secret it is as good as the tokens themselves for trying out guesses (§7), which is why weak secrets are refused.
 */
export function thumbprint(key: KeyObject): string {
  const jwk = key.export({ format: 'jwk' });
  const members = requiredMembers[jwk.kty ?? ''];
  if (members === undefined) throw new TypeError(`no thumbprint is defined for a key of type ${jwk.kty}`);
  const canonical = JSON.stringify(Object.fromEntries(members.map((name) => [name, jwk[name]])));
  return createHash('sha256').update(canonical).digest('base64url');
}

export function pemOf(key: KeyObject, type: 'pkcs8' | 'spki'): string {
  return key.export({ format: 'pem', type }).toString();
}
