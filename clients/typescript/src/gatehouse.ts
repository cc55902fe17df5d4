import createClient, { type Client } from 'openapi-fetch';
import { answerOf, done, isSessionList, isTokenPair, isUser } from './answer.ts';
import { authorizingFetch } from './authorize.ts';
import { GatehouseError, jsonOf } from './errors.ts';
import { Refresher } from './refresh.ts';
import { inRange, longestTimerMs, type RetryOptions, retryPolicy } from './retry.ts';
import type { Credentials, paths, RegisterUserRequest, User, Session as UserSession } from './schema.ts';
import { Session, type SessionEnd } from './session.ts';
import { memoryStore, type TokenStore } from './token-store.ts';
import { Transport, type TransportOptions } from './transport.ts';

export interface GatehouseOptions {
  /** Where the service is, such as "https://auth.example.com"; in a browser it may be a path, such as "/auth-service". */
  baseUrl: string;
  /** Where the tokens are kept; in memory by default. */
  store?: TokenStore;
  /** Replaces the fetch of the platform. */
  fetch?: TransportOptions['fetch'];
  /** For each attempt, its answer's body included, in milliseconds; 10,000 by default. */
  timeoutMs?: number;
  retry?: RetryOptions;
}

export interface CallOptions {
  /** Ends the call at once; its reason is what is thrown. */
  signal?: AbortSignal;
}

/**
 * One user of the service, logged in or not. Each method throws a GatehouseError when the service refuses, with its
 * `errorCode`, and a GatehouseNetworkError when there is no answer.
 */
export interface Gatehouse {
  /** Creates a user, and does not log in. Not repeated when there is no answer. */
  register(user: RegisterUserRequest, options?: CallOptions): Promise<User>;
  /** Opens a session, and stores its tokens in the place of any others. */
  login(credentials: Credentials, options?: CallOptions): Promise<void>;
  /** Forgets the tokens at once, then ends the session. Throws when the service could not be told: the session lives on there. */
  logout(options?: CallOptions): Promise<void>;
  /** Ends all other sessions of the user. */
  logoutOthers(options?: CallOptions): Promise<void>;
  /** Ends all sessions of the user, this one too. */
  logoutAll(options?: CallOptions): Promise<void>;
  me(options?: CallOptions): Promise<User>;
  sessions(options?: CallOptions): Promise<UserSession[]>;
  /** Ends one session of the user; errorCode SESSION_NOT_FOUND when there is none of that id. */
  endSession(sessionId: number, options?: CallOptions): Promise<void>;
  /** Whether tokens are stored. The service is not asked. */
  isLoggedIn(): Promise<boolean>;
  /**
   * An access token for your own services, refreshed when it is time; undefined when nobody is logged in.
   *
   * @param options `refused` is a token that one of them has answered with 401: the next one comes in its place
   */
  accessToken(options?: CallOptions & { refused?: string }): Promise<string | undefined>;
  /** Calls the listener once whenever a session is over, and the user has to log in again. Returns what ends that. */
  onSessionEnd(listener: (end: SessionEnd) => void): () => void;
  /**
   * Every operation of the document, by openapi-fetch, with the same tokens, refreshes and repetitions. Of the options of
   * fetch, `signal` and `headers` count. It stores nothing: log in and out by the methods above.
   */
  readonly api: Client<paths>;
}

/** @throws TypeError when an option is not what it may be */
export function createGatehouse(options: GatehouseOptions): Gatehouse {
  const baseUrl = normalize(options.baseUrl);
  const { store = memoryStore(), fetch = globalThis.fetch, timeoutMs = 10_000 } = options;
  const transport = new Transport({
    // Browsers refuse to run theirs as a method of anything else
    fetch: (url, init) => fetch(url, init),
    timeoutMs: inRange('timeoutMs', timeoutMs, 1, longestTimerMs),
    retry: retryPolicy(options.retry),
  });
  const session = new Session(baseUrl, store);
  const refresher = new Refresher({ baseUrl, session, transport });
  const api = createClient<paths>({
    baseUrl,
    fetch: authorizingFetch({ baseUrl, session, refresher, transport }),
  });

  return {
    api,
    register: (body, init) => answerOf(api.POST('/api/v1/register-user', { body, ...init }), isUser),
    async login({ email, password }, init) {
      // An object that holds more, such as a whole user, would be refused
      const body = { email, password };
      await session.start(await answerOf(api.POST('/api/v1/auth/login', { body, ...init }), isTokenPair));
    },
    async logout(init) {
      const tokens = await session.read();
      if (!tokens) return;
      // A refresh under way may hold the lock, and the service does not have to wait for it
      const forgotten = session.end(tokens.session, 'logout');
      const body = { refresh_token: tokens.refreshToken };
      const told = done(api.POST('/api/v1/auth/logout', { body, ...init })).catch((error: unknown) => {
        // There is nothing left to end; a 401 without a code of the service's says nothing of the session
        const isOver = error instanceof GatehouseError && error.status === 401;
        if (!isOver || error.sentErrorCode === undefined) throw error;
      });
      // One that fails does not keep the other from being done
      await Promise.allSettled([forgotten, told]);
      await told;
      await forgotten;
    },
    async logoutOthers(init) {
      await done(api.POST('/api/v1/auth/logout-others', { ...init }));
    },
    async logoutAll(init) {
      const tokens = await session.read();
      await done(api.POST('/api/v1/auth/logout-all', { ...init }));
      if (tokens) await session.end(tokens.session, 'logout');
    },
    me: (init) => answerOf(api.GET('/api/v1/me', { ...init }), isUser),
    async sessions(init) {
      return (await answerOf(api.GET('/api/v1/me/sessions', { ...init }), isSessionList)).sessions;
    },
    async endSession(sessionId, init) {
      const params = { path: { session_id: sessionId } };
      await done(api.DELETE('/api/v1/me/sessions/{session_id}', { params, ...init }));
    },
    isLoggedIn: async () => (await session.read()) !== undefined,
    async accessToken({ signal, refused } = {}) {
      let { tokens, refusal } = await refresher.current(signal);
      if (tokens && tokens.accessToken === refused)
        ({ tokens, refusal } = await refresher.renew(tokens, signal));
      if (refusal) throw new GatehouseError(refusal, await jsonOf(refusal));
      return tokens?.accessToken;
    },
    onSessionEnd: (listener) => session.onEnd(listener),
  };
}

/** Without a slash at its end. */
function normalize(baseUrl: string): string {
  const url = new URL(baseUrl, globalThis.location?.href);
  if (!/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    throw new TypeError('baseUrl is http or https, an authority and perhaps a path');
  return url.origin + url.pathname.replace(/\/+$/, '');
}
