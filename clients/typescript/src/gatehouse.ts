import createClient, { type Client } from 'openapi-fetch';
import { authorizingFetch } from './authorize.ts';
import { GatehouseError, GatehouseNetworkError } from './errors.ts';
import { defaultRetry, type RetryOptions } from './retry.ts';
import type { Credentials, paths, RegisterUserRequest, User, Session as UserSession } from './schema.ts';
import { isTokenPair, Session, type SessionEnd } from './session.ts';
import { memoryStore, type TokenStore } from './token-store.ts';
import { Transport, type TransportOptions } from './transport.ts';

export interface GatehouseOptions {
  /** Where the service is, such as "https://auth.example.com"; in a browser it may be a path, such as "/auth-service". */
  baseUrl: string;
  /** Where the tokens are kept; in memory by default. */
  store?: TokenStore;
  /** Replaces the fetch of the platform. */
  fetch?: TransportOptions['fetch'];
  /** For each attempt, its answer's body included; 10,000 by default. */
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

export function createGatehouse(options: GatehouseOptions): Gatehouse {
  const baseUrl = normalize(options.baseUrl);
  const { store = memoryStore(), fetch = globalThis.fetch, timeoutMs = 10_000 } = options;
  const transport = new Transport({
    // Browsers refuse to run theirs as a method of anything else
    fetch: (url, init) => fetch(url, init),
    timeoutMs,
    retry: { ...defaultRetry, ...options.retry },
  });
  const session = new Session(baseUrl, store, transport);
  const api = createClient<paths>({ baseUrl, fetch: authorizingFetch({ baseUrl, session, transport }) });

  return {
    api,
    register: (body, init) => answerOf(api.POST('/api/v1/register-user', { body, ...init })),
    async login({ email, password }, init) {
      // An object that holds more, such as a whole user, would be refused
      const body = { email, password };
      const pair = await answerOf(api.POST('/api/v1/auth/login', { body, ...init }));
      if (!isTokenPair(pair)) throw new GatehouseNetworkError('not an answer of the service');
      await session.start(pair, Date.now());
    },
    async logout(init) {
      const tokens = await session.read();
      if (!tokens) return;
      await session.end(tokens.session, 'logout');
      const body = { refresh_token: tokens.refreshToken };
      const { error, response } = await api.POST('/api/v1/auth/logout', { body, ...init });
      // 401: there is nothing left to end
      if (!response.ok && response.status !== 401) throw new GatehouseError(response, error);
    },
    async logoutOthers(init) {
      await answerOf(api.POST('/api/v1/auth/logout-others', { ...init }));
    },
    async logoutAll(init) {
      const tokens = await session.read();
      await answerOf(api.POST('/api/v1/auth/logout-all', { ...init }));
      if (tokens) await session.end(tokens.session, 'logout');
    },
    me: (init) => answerOf(api.GET('/api/v1/me', { ...init })),
    sessions: async (init) => (await answerOf(api.GET('/api/v1/me/sessions', { ...init }))).sessions,
    async endSession(sessionId, init) {
      const params = { path: { session_id: sessionId } };
      await answerOf(api.DELETE('/api/v1/me/sessions/{session_id}', { params, ...init }));
    },
    isLoggedIn: async () => (await session.read()) !== undefined,
    async accessToken({ signal, refused } = {}) {
      let { tokens, refusal } = await session.current(signal);
      if (tokens && tokens.accessToken === refused)
        ({ tokens, refusal } = await session.renew(tokens, signal));
      if (refusal)
        throw new GatehouseError(
          refusal,
          await refusal
            .clone()
            .json()
            .catch(() => undefined),
        );
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

interface Answer<Data> {
  data?: Data;
  error?: unknown;
  response: Response;
}

/** @throws GatehouseError unless the answer is a success; GatehouseNetworkError when it is not JSON, as a captive portal's */
async function answerOf<Data>(answered: Promise<Answer<Data>>): Promise<Data> {
  const { data, error, response } = await answered.catch((thrown: unknown) => {
    throw thrown instanceof SyntaxError ? new GatehouseNetworkError(thrown) : thrown;
  });
  if (!response.ok) throw new GatehouseError(response, error);
  // What a success holds, by the document; undefined where it has no body
  return data as Data;
}
