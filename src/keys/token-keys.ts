import { type Algorithm, isSecretAlgorithm, type SecretAlgorithm } from './algorithm.ts';
import { type KeySet, keyFromSecret, type SigningKey, type VerificationKey } from './key.ts';
import { readPrivateKey, readPublicKey } from './key-file.ts';

/** The keys of both kinds of token. They never share one (RFC 8725 §3.12). */
export interface TokenKeys {
  readonly access: KeySet;
  readonly refresh: KeySet;
}

export interface TokenKeyOptions {
  algorithm: Algorithm;
  /** Signs access tokens when the algorithm is HS256, HS384 or HS512. */
  accessSecret?: string | undefined;
  previousAccessSecrets: readonly string[];
  /** Signs access tokens when the algorithm is RS256, ES256 or EdDSA. */
  privateKeyFile?: string | undefined;
  /** Of keys that have signed access tokens, or are about to. */
  publicKeyFiles: readonly string[];
  refreshSecret: string;
  previousRefreshSecrets: readonly string[];
}

const refreshAlgorithm = 'HS256';

/**
 * Loads every key that may sign or verify a token.
 *
 * @throws KeyFileError when a file cannot be used
 */
export function loadTokenKeys(options: TokenKeyOptions): TokenKeys {
  // A secret that is no longer in use has the algorithm in use, or else the default one
  const previousAlgorithm = isSecretAlgorithm(options.algorithm) ? options.algorithm : 'HS256';
  return {
    access: keySet(accessSigningKey(options), [
      ...options.publicKeyFiles.map(readPublicKey),
      ...secretKeys(options.previousAccessSecrets, previousAlgorithm),
    ]),
    refresh: keySet(
      keyFromSecret(options.refreshSecret, refreshAlgorithm),
      secretKeys(options.previousRefreshSecrets, refreshAlgorithm),
    ),
  };
}

function accessSigningKey({ algorithm, accessSecret, privateKeyFile }: TokenKeyOptions): SigningKey {
  if (isSecretAlgorithm(algorithm)) {
    if (accessSecret === undefined) throw new TypeError(`${algorithm} signs with a secret`);
    return keyFromSecret(accessSecret, algorithm);
  }
  if (privateKeyFile === undefined) throw new TypeError(`${algorithm} signs with a private key`);
  return readPrivateKey(privateKeyFile);
}

function secretKeys(secrets: readonly string[], algorithm: SecretAlgorithm): VerificationKey[] {
  return secrets.map((secret) => keyFromSecret(secret, algorithm));
}

/** A key that is named twice, as the current and as a previous one, counts once. */
function keySet(signing: SigningKey, others: VerificationKey[]): KeySet {
  const byKid = new Map([...others, signing].map((key) => [key.kid, key]));
  return { signing, verifying: [...byKid.values()] };
}
