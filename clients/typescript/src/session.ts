import type { GatehouseError } from './errors.ts';
import type { TokenPair } from './schema.ts';
import type { StoredTokens, TokenStore } from './token-store.ts';
import { newSessionName, storedTokens } from './tokens.ts';

export interface SessionEnd {
  /**
   * `logout` when this client has ended it, `elsewhere` when the tokens are gone from the store or are another session's,
   * else the `error_code` by which the service said so, such as SESSION_ENDED.
   */
  reason: GatehouseError['errorCode'] | 'logout' | 'elsewhere';
}

type Listener = (end: SessionEnd) => unknown;

/** The session of one user, as the store has it: how it starts, how its tokens follow each other, how it ends. */
export class Session {
  readonly #baseUrl: string;
  readonly #store: TokenStore;
  readonly #listeners = new Set<Listener>();
  #unsubscribe: (() => void) | undefined;
  /** The session that was last seen in the store. */
  #seen: string | undefined;
  /** The session that this client has ended last: what the store still has of it no longer counts. */
  #over: string | undefined;
  /** Logins that have begun or are done: what was read across one says nothing about the session after it. */
  #logins = { begun: 0, done: 0 };
  /** Tokens that the store did not take, and the refresh token that it has in their place. */
  #unsaved: { tokens: StoredTokens; insteadOf: string } | undefined;
  #saving: Promise<void> | undefined;

  constructor(baseUrl: string, store: TokenStore) {
    this.#baseUrl = baseUrl;
    this.#store = store;
  }

  /** The tokens of the session, however old. */
  async read(): Promise<StoredTokens | undefined> {
    const { done } = this.#logins;
    const stored = await this.#store.get();
    if (done !== this.#logins.done) return this.read();
    if (stored?.refreshToken !== this.#unsaved?.insteadOf) this.#unsaved = undefined;
    const tokens = this.#unsaved?.tokens ?? stored;
    const own = tokens?.baseUrl === this.#baseUrl && tokens.session !== this.#over ? tokens : undefined;
    if (this.#logins.begun === done) this.#notice(own?.session);
    return own;
  }

  /** Starts the session of a login; whichever was stored before is forgotten. */
  async start(pair: TokenPair): Promise<void> {
    const tokens = storedTokens(pair, { baseUrl: this.#baseUrl, session: newSessionName() });
    await this.exclusively(async () => {
      this.#logins.begun += 1;
      try {
        await this.#store.set(tokens);
        this.#seen = tokens.session;
      } finally {
        this.#logins.done += 1;
      }
    });
  }

  /**
   * Stores the successor of tokens, unless somebody else was faster; only who has the lock may do it. What the store does not take is
   * kept here, and offered to it again: the service takes the tokens before for stolen soon.
   *
   * @returns the tokens to go on with; none when the session has ended in the meantime
   */
  async replace(exchanged: StoredTokens, pair: TokenPair): Promise<StoredTokens | undefined> {
    const next = storedTokens(pair, exchanged);
    const current = await this.read();
    // Logged out in the meantime: what has ended must not come back
    if (current?.session !== exchanged.session) return undefined;
    // Theirs are the same or newer, and older ones in their place would end the session
    if (current.refreshToken !== exchanged.refreshToken) return current;
    await this.#save(next, this.#unsaved?.insteadOf ?? exchanged.refreshToken);
    return next;
  }

  /** Offers the store again what it did not take; nobody has to wait for it. */
  saveLater(): void {
    if (!this.#unsaved || this.#saving) return;
    const saved = this.exclusively(async () => {
      await this.read();
      if (this.#unsaved) await this.#save(this.#unsaved.tokens, this.#unsaved.insteadOf);
    });
    this.#saving = saved
      // Should the store fail here, it does at the next use too
      .catch(() => {})
      .finally(() => {
        this.#saving = undefined;
      });
  }

  async #save(tokens: StoredTokens, insteadOf: string): Promise<void> {
    try {
      await this.#store.set(tokens);
      this.#unsaved = undefined;
    } catch {
      this.#unsaved = { tokens, insteadOf };
    }
  }

  /** Forgets a session: here at once, in the store, unless it has another one by now, under the lock. */
  end(session: string, reason: SessionEnd['reason']): Promise<void> {
    return this.#end(session, reason, (work) => this.exclusively(work));
  }

  /** As end(), for who has the lock already. */
  endUnderLock(session: string, reason: SessionEnd['reason']): Promise<void> {
    return this.#end(session, reason, (work) => work());
  }

  async #end(
    session: string,
    reason: SessionEnd['reason'],
    run: (work: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    const isOurs = this.#seen === session;
    if (isOurs) this.#seen = undefined;
    this.#over = session;
    try {
      await run(async () => {
        if ((await this.#store.get())?.session === session) await this.#store.clear();
      });
    } finally {
      if (isOurs) this.#tell({ reason });
    }
  }

  onEnd(listener: Listener): () => void {
    this.#listeners.add(listener);
    // Should the store fail here, it does at the next use too
    const look = () => void this.read().catch(() => {});
    this.#unsubscribe ??= this.#store.subscribe?.(look);
    // Only the end of what was seen is noticed
    look();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      this.#unsubscribe?.();
      this.#unsubscribe = undefined;
    };
  }

  /** Runs the work under the lock of the store, where it has one. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#store.lock ? this.#store.lock(work) : work();
  }

  #notice(session: string | undefined): void {
    if (this.#seen !== undefined && session !== this.#seen) this.#tell({ reason: 'elsewhere' });
    this.#seen = session;
  }

  /** Apart from what goes on here, so that a listener which throws does not disturb it. */
  #tell(end: SessionEnd): void {
    for (const listener of this.#listeners) Promise.resolve(end).then(listener).catch(report);
  }
}

/** As the platform reports what nobody catches, though without an end of the process, which is the default of Node. */
function report(error: unknown): void {
  if (typeof globalThis.reportError === 'function') globalThis.reportError(error);
  // biome-ignore lint/suspicious/noConsole: Node has no other place for the error of a listener
  else console.error(error);
}
