/** Signs and verifies one kind of token; `app.jwt.access` and `app.jwt.refresh` are such. */
export interface TokenSigner {
  sign(payload: object): string;
  /** @throws an error with a `code` when anything about the token is wrong */
  verify<Claims extends object>(token: string): Claims;
}

/** True when a token was refused for its age alone: everything else about it is right. */
export function isExpired(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'FAST_JWT_EXPIRED';
}
