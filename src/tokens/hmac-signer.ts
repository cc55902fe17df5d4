import { createHmac } from 'node:crypto';
import { isSecretAlgorithm } from '../keys/algorithm.ts';
import type { SigningKey } from '../keys/key.ts';
import { hashes } from './jws.ts';

/**
 * Gives a function that signs claims with a secret (RFC 7515 §5.1), to the same bytes as @fastify/jwt does. A refresh signs twice,
 * and that is most of what it computes: @fastify/jwt makes the header, the key and its options anew for each token
 * (docs/decisions/009). Undefined when the key is no secret.
 */
export function createHmacSigner(
  { key, kid, algorithm }: SigningKey,
  typ: string,
): ((claims: object) => string) | undefined {
  if (!isSecretAlgorithm(algorithm)) return undefined;
  const header = encoded({ alg: algorithm, typ, kid });
  const hash = hashes[algorithm];
  return (claims) => {
    const input = `${header}.${encoded(claims)}`;
    return `${input}.${createHmac(hash, key).update(input).digest('base64url')}`;
  };
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
