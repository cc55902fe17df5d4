/** RFC 7518 §3.2: an HMAC with a shared secret. */
export const secretAlgorithms = ['HS256', 'HS384', 'HS512'] as const;

/** RFC 7518 §3.3 and §3.4, RFC 8037 §3.1: signed with a private key, verified with its public half. */
export const keyPairAlgorithms = ['RS256', 'ES256', 'EdDSA'] as const;

export type SecretAlgorithm = (typeof secretAlgorithms)[number];
export type KeyPairAlgorithm = (typeof keyPairAlgorithms)[number];
export type Algorithm = SecretAlgorithm | KeyPairAlgorithm;

/** RFC 7518 §3.2: an HMAC key is at least as long as the hash. */
export const minSecretBytes = { HS256: 32, HS384: 48, HS512: 64 } as const satisfies Record<
  SecretAlgorithm,
  number
>;

export function isSecretAlgorithm(algorithm: Algorithm): algorithm is SecretAlgorithm {
  return (secretAlgorithms as readonly Algorithm[]).includes(algorithm);
}
