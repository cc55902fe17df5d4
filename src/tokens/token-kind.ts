import type { Claims } from './token-verifier.ts';

/** One kind of token: how it is signed, and how it is verified. */
export interface TokenKind {
  sign(claims: object): string;
  /** @throws TokenError */
  verify(token: string): Claims;
}

export interface TokenKinds {
  access: TokenKind;
  refresh: TokenKind;
}

/** When a token was issued and when it expires, in seconds since the epoch. */
export interface TokenTimes {
  issuedAt: number;
  expiresAt: number;
}
