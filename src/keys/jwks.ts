import type { JsonWebKey } from 'node:crypto';
import type { KeySet } from './key.ts';

/** A public key as RFC 7517 §4 writes it. */
export interface PublicJwk {
  kty: string;
  use: 'sig';
  alg: string;
  kid: string;
  crv?: string;
  x?: string;
  y?: string;
  n?: string;
  e?: string;
}

const publicMembers = ['crv', 'x', 'y', 'n', 'e'] as const;

/**
 * The public keys among these as a JWK Set (RFC 7517 §5), the one that signs last. Secrets are never in it, so it is empty
 * when tokens are signed with one.
 */
export function publicJwks({ verifying }: KeySet): { keys: PublicJwk[] } {
  const keys = verifying
    .filter(({ key }) => key.type === 'public')
    .map(({ key, kid, algorithm }) => {
      const jwk: JsonWebKey = key.export({ format: 'jwk' });
      const members = publicMembers.filter((name) => jwk[name] !== undefined);
      return {
        kty: String(jwk.kty),
        use: 'sig' as const,
        alg: algorithm,
        kid,
        ...Object.fromEntries(members.map((name) => [name, jwk[name]])),
      };
    });
  return { keys };
}
