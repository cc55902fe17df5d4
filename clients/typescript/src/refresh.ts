import { isTokenPair, notOfTheService } from './answer.ts';
import { errorCodeOf, GatehouseNetworkError, knownErrorCode } from './errors.ts';
import { retryDelay, retryPolicy, unlessAborted, wait } from './retry.ts';
import { readRetryAfter } from './retry-after.ts';
import type { Session } from './session.ts';
import type { StoredTokens } from './token-store.ts';
import { isDue, isValid, longestLeadMs } from './tokens.ts';
import type { Transport } from './transport.ts';

export interface RefresherDeps {
  baseUrl: string;
  session: Session;
  transport: Transport;
}

/** What a request goes on with. */
export interface Renewal {
  /** None when there is no session, or another one by now. */
  tokens?: StoredTokens;
  /** What the service has answered instead of the next tokens. */
  refusal?: Response;
}

// The service gives the successor of a refresh token again for ten seconds (REFRESH_GRACE_SECONDS): the last attempt is
// over within them
const refreshTimeoutMs = 3000;
const refreshWindowMs = 7000;
const refreshRetry = retryPolicy({ baseDelayMs: 200, maxDelayMs: 3000 });

// From one refresh that failed to the next, as long as nobody needs its tokens
const backOffMs = 5000;

/** Exchanges the tokens of the session for the next ones, by the retry rule of the service's README. */
export class Refresher {
  readonly #baseUrl: string;
  readonly #session: Session;
  readonly #transport: Transport;
  /** The refresh that is under way, by session: after a login it may be two. */
  readonly #renewals = new Map<string, Promise<Renewal>>();
  #noneAheadUntil = 0;

  constructor({ baseUrl, session, transport }: RefresherDeps) {
    this.#baseUrl = baseUrl;
    this.#session = session;
    this.#transport = transport;
  }

  /** The tokens to send a request with. It waits for the next ones only when those at hand have expired. */
  async current(signal?: AbortSignal): Promise<Renewal> {
    const tokens = await this.#session.read();
    if (!tokens) return {};
    this.#session.saveLater();
    if (!isValid(tokens)) return this.renew(tokens, signal);
    if (isDue(tokens)) this.#renewAhead(tokens);
    return { tokens };
  }

  /**
   * The successors of tokens that no longer do: one refresh for all who ask at the same time. It goes on when a caller no
   * longer waits, as its answer must not be lost.
   *
   * @throws GatehouseNetworkError when there is no answer; the tokens stay then
   */
  async renew(stale: StoredTokens, signal?: AbortSignal): Promise<Renewal> {
    const underWay = this.#renewals.get(stale.session);
    if (underWay) {
      const renewal = await unlessAborted(underWay, signal);
      const isOfThoseBefore = !renewal.refusal && renewal.tokens?.accessToken === stale.accessToken;
      return isOfThoseBefore ? this.renew(stale, signal) : renewal;
    }
    const renewal = this.#session
      .exclusively(() => this.#refresh(stale))
      .finally(() => this.#renewals.delete(stale.session));
    this.#renewals.set(stale.session, renewal);
    return unlessAborted(renewal, signal);
  }

  /** In the background; a failure counts once the tokens have expired. */
  #renewAhead(tokens: StoredTokens): void {
    if (Date.now() < this.#noneAheadUntil) return;
    const backOff = (refusal?: Response) => {
      const askedMs = ((refusal && readRetryAfter(refusal.headers)) ?? 0) * 1000;
      this.#noneAheadUntil = Date.now() + Math.max(backOffMs, Math.min(askedMs, longestLeadMs));
    };
    this.renew(tokens).then(
      ({ refusal }) => refusal && backOff(refusal),
      () => backOff(),
    );
  }

  async #refresh(stale: StoredTokens): Promise<Renewal> {
    const startedAt = Date.now();
    for (let attempt = 1; ; attempt += 1) {
      // Each time, as another tab may have stored the answer that this one has lost
      const tokens = await this.#session.read();
      if (tokens?.session !== stale.session) return {};
      if (tokens.accessToken !== stale.accessToken && !isDue(tokens)) return { tokens };

      const answer = await this.#exchange(tokens.refreshToken);
      const outcome = answer instanceof Response ? await this.#outcome(tokens, answer) : undefined;
      if (outcome) return outcome;

      const headers = answer instanceof Response ? answer.headers : undefined;
      const delay = retryDelay(refreshRetry, attempt, headers);
      if (delay === undefined || Date.now() + delay > startedAt + refreshWindowMs) {
        if (answer instanceof Response && !answer.ok) return { tokens, refusal: answer };
        throw answer instanceof Response ? notOfTheService() : answer;
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

  /** What an answer decides; undefined when the refresh is to be repeated. */
  async #outcome(exchanged: StoredTokens, answer: Response): Promise<Renewal | undefined> {
    if (answer.ok) {
      const pair: unknown = await answer.json().catch(() => undefined);
      // Anything else did not come from the service: no answer of its
      if (!isTokenPair(pair)) return undefined;
      const tokens = await this.#session.replace(exchanged, pair);
      return tokens ? { tokens } : {};
    }
    if (await this.#isOver(exchanged, answer)) return { refusal: answer };
    const mayPass = [401, 408, 429].includes(answer.status) || answer.status >= 500;
    return mayPass ? undefined : { tokens: exchanged, refusal: answer };
  }

  /** Ends the session when the service says that it is over and means the refresh token that is stored. */
  async #isOver(presented: StoredTokens, answer: Response): Promise<boolean> {
    if (answer.status !== 401) return false;
    const errorCode = await errorCodeOf(answer);
    // A proxy on the way can answer 401 as well
    if (errorCode === undefined) return false;
    if ((await this.#session.read())?.refreshToken !== presented.refreshToken) return false;
    await this.#session.endUnderLock(presented.session, knownErrorCode(errorCode));
    return true;
  }
}
