/** Why a token is refused; for the log, since clients are told no more than that it is. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
  /** True when everything else about the token is right, and only its time has passed. */
  readonly expired: boolean;

  constructor(message: string, { expired = false } = {}) {
    super(message);
    this.expired = expired;
  }
}

/** True when a token was refused for its age alone. */
export function isExpired(error: unknown): boolean {
  return error instanceof TokenError && error.expired;
}
