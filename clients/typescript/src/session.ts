import {
  errorCodeOf,
  type GatehouseError,
  GatehouseNetworkError,
  isRecord,
  knownErrorCode,
} from './errors.ts';
import { defaultRetry, retryDelay, unlessAborted, wait } from './retry.ts';
import type { TokenPair } from './schema.ts';
import type { StoredTokens, TokenStore } from './token-store.ts';
import type { Transport } from './transport.ts';

export interface SessionEnd {
  /**
   * `logout` when this client has ended it, `elsewhere` when the tokens are gone from the store or are another session's,
   * else the `error_code` by which the service said so, such as SESSION_ENDED.
   */
  reason: GatehouseError['errorCode'] | 'logout' | 'elsewhere';
}

/** What a request goes on with. */
export interface Renewal {
  /** None when there is no session, or no longer. */
  tokens?: StoredTokens;
  /** What the service has answered instead of the next tokens. */
  refusal?: Response;
}

// The service gives the successor of a refresh token again for ten seconds (REFRESH_GRACE_SECONDS): the last attempt is
// over within them
const refreshTimeoutMs = 3000;
const refreshWindowMs = 7000;
const refreshRetry = { ...defaultRetry, baseDelayMs: 200, maxDelayMs: 3000 };

const longestLeadMs = 30_000;

/** The session of one user: keeps its tokens, and refreshes them by the retry rule of the service's README. */
export class Session {
  readonly #baseUrl: string;
  readonly #store: TokenStore;
  readonly #transport: Transport;
  readonly #listeners = new Set<(end: SessionEnd) => void>();
  #unsubscribe: (() => void) | undefined;
  /** The session that was last seen in the store. */
  #seen: string | undefined;
  #renewing: Promise<Renewal> | undefined;

  constructor(baseUrl: string, store: TokenStore, transport: Transport) {
    this.#baseUrl = baseUrl;
    this.#store = store;
    this.#transport = transport;
  }

  /** The tokens that are stored, however old. */
  async read(): Promise<StoredTokens | undefined> {
    const stored = await this.#store.get();
    const tokens = stored?.baseUrl === this.#baseUrl ? stored : undefined;
    if (this.#seen !== undefined && tokens?.session !== this.#seen) this.#tell({ reason: 'elsewhere' });
    this.#seen = tokens?.session;
    return tokens;
  }

  /** Starts the session of a login; whichever was stored before is forgotten. */
  async start(pair: TokenPair, receivedAt: number): Promise<void> {
    const tokens = this.#toStore(pair, randomName(), receivedAt);
    await this.#exclusively(async () => {
      this.#seen = undefined;
      await this.#store.set(tokens);
      this.#seen = tokens.session;
    });
  }

  /** Forgets the session, unless the store has another one by now. */
  async end(session: string, reason: SessionEnd['reason']): Promise<void> {
    if ((await this.#store.get())?.session !== session) return;
    await this.#store.clear();
    if (this.#seen !== session) return;
    this.#seen = undefined;
    this.#tell({ reason });
  }

  onEnd(listener: (end: SessionEnd) => void): () => void {
    this.#listeners.add(listener);
    // Should the store fail here, it does at the next use too
    this.#unsubscribe ??= this.#store.subscribe?.(() => void this.read().catch(() => {}));
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#unsubscribe?.();
      this.#unsubscribe = undefined;
    };
  }

  /** The tokens to send a request with, refreshed when it is time; where that does not succeed, the old ones as long as they do. */
  async current(signal?: AbortSignal): Promise<Renewal> {
    const tokens = await this.read();
    if (!tokens) return {};
    if (!isDue(tokens)) return { tokens };
    try {
      const renewal = await this.renew(tokens, signal);
      return renewal.refusal && renewal.tokens && isValid(tokens) ? { tokens } : renewal;
    } catch (error) {
      if (error instanceof GatehouseNetworkError && isValid(tokens)) return { tokens };
      throw error;
    }
  }

  /**
   * The successors of tokens that no longer do: one refresh for all who ask at the same time. It goes on when a caller no
   * longer waits, as its answer must not be lost.
   *
   * @throws GatehouseNetworkError when there is no answer; the tokens stay then
   */
  async renew(stale: StoredTokens, signal?: AbortSignal): Promise<Renewal> {
    const joined = this.#renewing;
    if (joined) {
      const renewal = await unlessAborted(joined, signal);
      // Unless it was for those before
      if (renewal.tokens?.accessToken !== stale.accessToken) return renewal;
    }
    this.#renewing ??= this.#exclusively(() => this.#refresh(stale)).finally(() => {
      this.#renewing = undefined;
    });
    return unlessAborted(this.#renewing, signal);
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#store.lock ? this.#store.lock(work) : work();
  }

  async #refresh(stale: StoredTokens): Promise<Renewal> {
    const startedAt = Date.now();
    for (let attempt = 1; ; attempt += 1) {
      // Each time, as another tab may have stored the answer that this one has lost
      const tokens = await this.read();
      if (tokens?.session !== stale.session) return {};
      if (tokens.accessToken !== stale.accessToken && !isDue(tokens)) return { tokens };

      const answer = await this.#exchange(tokens.refreshToken);
      const headers = answer instanceof Response ? answer.headers : undefined;
      if (answer instanceof Response) {
        if (answer.ok) {
          const pair: unknown = await answer.json().catch(() => undefined);
          // Anything else did not come from the service: no answer of its
          if (isTokenPair(pair)) return this.#succeed(tokens, pair);
        } else if (await this.#isOver(tokens, answer)) {
          return { refusal: answer };
        } else if (![401, 408, 429].includes(answer.status) && answer.status < 500) {
          return { tokens, refusal: answer };
        }
      }
      const delay = retryDelay(refreshRetry, attempt, headers);
      if (delay === undefined || Date.now() + delay > startedAt + refreshWindowMs) {
        if (answer instanceof Response && !answer.ok) return { tokens, refusal: answer };
        throw answer instanceof Response ? new GatehouseNetworkError('not an answer of the service') : answer;
      }
      await wait(delay);
    }
  }

  /** One attempt; that there was no answer is a result too. */
  #exchange(refreshToken: string): Promise<Response | GatehouseNetworkError> {
    const call = {
      method: 'POST',
      url: `${this.#baseUrl}/api/v1/auth/refresh-token`,
      headers: new Headers({ 'content-type': 'application/json' }),
      body: JSON.stringify({ refresh_token: refreshToken }),
    };
    return this.#transport.attempt(call, refreshTimeoutMs).catch((error: unknown) => {
      if (error instanceof GatehouseNetworkError) return error;
      throw error;
    });
  }

  /** Stores the successors before anything of them is used, unless somebody else was faster. */
  async #succeed(exchanged: StoredTokens, pair: TokenPair): Promise<Renewal> {
    const next = this.#toStore(pair, exchanged.session, Date.now());
    const stored = await this.read();
    // Logged out in the meantime: what has ended must not come back
    if (stored?.session !== exchanged.session) return {};
    // Theirs are the same or newer, and older ones in their place would end the session
    if (stored.refreshToken !== exchanged.refreshToken) return { tokens: stored };
    await this.#store.set(next);
    return { tokens: next };
  }

  /** Ends the session when the service says that it is over and means the refresh token that is stored. */
  async #isOver(presented: StoredTokens, answer: Response): Promise<boolean> {
    if (answer.status !== 401) return false;
    const errorCode = await errorCodeOf(answer);
    // A proxy on the way can answer 401 as well
    if (errorCode === undefined) return false;
    if ((await this.read())?.refreshToken !== presented.refreshToken) return false;
    await this.end(presented.session, knownErrorCode(errorCode));
    return true;
  }

  #toStore(pair: TokenPair, session: string, receivedAt: number): StoredTokens {
    const lifeMs = pair.expires_in * 1000;
    return {
      baseUrl: this.#baseUrl,
      session,
      accessToken: pair.access_token,
      refreshToken: pair.refresh_token,
      // From the time of its receipt: the clock of the service, which `exp` is by, may be another
      expiresAt: receivedAt + lifeMs,
      renewAt: receivedAt + lifeMs - Math.min(lifeMs / 10, longestLeadMs),
    };
  }

  #tell(end: SessionEnd): void {
    // Apart from what goes on here, so that a listener which throws does not disturb it
    for (const listener of this.#listeners) queueMicrotask(() => listener(end));
  }
}

function isDue({ renewAt }: StoredTokens): boolean {
  return Date.now() >= renewAt;
}

function isValid({ expiresAt }: StoredTokens): boolean {
  return Date.now() < expiresAt;
}

export function isTokenPair(value: unknown): value is TokenPair {
  return (
    isRecord(value) &&
    typeof value['access_token'] === 'string' &&
    typeof value['refresh_token'] === 'string' &&
    typeof value['expires_in'] === 'number'
  );
}

/** Not by randomUUID(), which browsers have in secure contexts alone. */
function randomName(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('-');
}
