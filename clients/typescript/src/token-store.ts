/** The tokens of one session, as they are stored. */
export interface StoredTokens {
  /** The service that they are for; they are sent nowhere else. */
  baseUrl: string;
  /** Made at the login and kept at each refresh, so that two sessions are never mixed up. */
  session: string;
  accessToken: string;
  refreshToken: string;
  /** When to refresh, a little before the access token expires; milliseconds since 1970 by this machine's clock. */
  renewAt: number;
  /** When the access token expires, by the same clock. */
  expiresAt: number;
}

/**
 * Where tokens are kept. All clients of one user that may run at the same time, such as the tabs of a browser, share one
 * place: a copy of the refresh token that is used after it was exchanged elsewhere ends the session for all.
 */
export interface TokenStore {
  get(): StoredTokens | undefined | Promise<StoredTokens | undefined>;
  /**
   * Resolves once the tokens are safe: only then is anything of them used. When it fails, the client keeps them in memory
   * and sets them again later; a login fails with it.
   */
  set(tokens: StoredTokens): void | Promise<void>;
  clear(): void | Promise<void>;
  /**
   * Runs the work while nobody else who shares the tokens runs theirs, so that one of them refreshes and the others find
   * the result. Its wait should have a bound, shorter than REFRESH_GRACE_SECONDS, and the work be run then all the same. Without
   * it the tokens stay right as long as the service answers refreshes at the same time alike: with REFRESH_GRACE_SECONDS=0
   * it does not, and the second one ends the session.
   */
  lock?<T>(work: () => Promise<T>): Promise<T>;
  /** Calls the listener when somebody else has changed the tokens. Returns what ends that. */
  subscribe?(listener: () => void): () => void;
}

/** Keeps the tokens in memory: they are gone with the page or the process. */
export function memoryStore(): TokenStore {
  let stored: StoredTokens | undefined;
  let last: Promise<unknown> = Promise.resolve();
  return {
    get: () => stored,
    set: (tokens) => {
      stored = tokens;
    },
    clear: () => {
      stored = undefined;
    },
    lock: (work) => {
      const mine = last.then(work);
      last = mine.catch(() => {});
      return mine;
    },
  };
}
