import type { Claims } from './token-verifier.ts';

/** Signs and verifies one kind of token. */
export interface TokenSigner {
  sign(claims: object): string;
  /** @throws TokenError */
  verify(token: string): Claims;
}

export interface TokenSigners {
  access: TokenSigner;
  refresh: TokenSigner;
}

/** When a token was issued and when it expires, in seconds since the epoch. */
export interface TokenTimes {
  issuedAt: number;
  expiresAt: number;
}
