import { isRecord } from './errors.ts';
import type { StoredTokens, TokenStore } from './token-store.ts';

/** What is used of `navigator.locks` (Web Locks API). */
interface Locks {
  request<T>(name: string, options: { signal: AbortSignal }, work: () => Promise<T>): Promise<T>;
}

/**
 * Keeps the tokens in localStorage: they are there again after a reload, and all tabs of the origin share them. Whatever
 * script runs in the page can read them there.
 *
 * Tabs take turns by the Web Locks API where the browser has it, which is in secure contexts: HTTPS or localhost.
 *
 * Where there is no page, as when a server renders it, the store is empty: nobody is logged in, and `set` throws.
 *
 * @param key the name in localStorage; one for each service
 * @throws at use, DOMException, when the user has forbidden the page to store anything
 */
export function localStorageStore({ key = 'gatehouse' }: { key?: string } = {}): TokenStore {
  // A server may have a localStorage of its own, as Node 25 does: one for all users
  if (typeof document === 'undefined') return storeOfNoPage;
  // Browsers leave it out, whatever its type says, unless the context is secure
  const locks: Locks | undefined = globalThis.navigator?.locks;
  return {
    get: () => parse(localStorage.getItem(key)),
    set: (tokens) => localStorage.setItem(key, JSON.stringify(tokens)),
    clear: () => localStorage.removeItem(key),
    ...(locks && { lock: (work) => inTurn(locks, key, work) }),
    subscribe(listener) {
      const changed = (event: StorageEvent) => {
        // null when all of localStorage was cleared
        if (event.key === key || event.key === null) listener();
      };
      addEventListener('storage', changed);
      return () => removeEventListener('storage', changed);
    },
  };
}

const storeOfNoPage: TokenStore = {
  get: () => undefined,
  set() {
    throw new Error('localStorageStore keeps nothing where there is no page, as on a server');
  },
  clear() {},
  subscribe: () => () => {},
};

// Shorter than the service gives the same successor again (REFRESH_GRACE_SECONDS), so that it is still the same for who
// goes on while another is in the middle of a refresh
const longestWaitMs = 5000;

/** Runs the work when it is its turn, and without it when a tab that is frozen, say, does not let go. */
async function inTurn<T>(locks: Locks, name: string, work: () => Promise<T>): Promise<T> {
  const waiting = new AbortController();
  const timer = setTimeout(() => waiting.abort(), longestWaitMs);
  let isTurn = false;
  try {
    return await locks.request(name, { signal: waiting.signal }, () => {
      isTurn = true;
      clearTimeout(timer);
      return work();
    });
  } catch (error) {
    if (isTurn || !waiting.signal.aborted) throw error;
    return work();
  }
}

/** Anything else than tokens counts as none. */
function parse(text: string | null): StoredTokens | undefined {
  try {
    const value: unknown = JSON.parse(text ?? 'null');
    return isStoredTokens(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isStoredTokens(value: unknown): value is StoredTokens {
  return (
    isRecord(value) &&
    ['renewAt', 'expiresAt'].every((name) => typeof value[name] === 'number') &&
    ['baseUrl', 'session', 'accessToken', 'refreshToken'].every((name) => typeof value[name] === 'string')
  );
}
