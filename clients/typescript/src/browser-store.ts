import { isRecord } from './errors.ts';
import type { StoredTokens, TokenStore } from './token-store.ts';

/** What is used of `navigator.locks` (Web Locks API). */
interface Locks {
  request<T>(name: string, work: () => Promise<T>): Promise<T>;
}

/**
 * Keeps the tokens in localStorage: they are there again after a reload, and all tabs of the origin share them. Whatever
 * script runs in the page can read them there.
 *
 * Tabs take turns by the Web Locks API where the browser has it, which is in secure contexts: HTTPS or localhost.
 *
 * @param key the name in localStorage; one for each service
 * @throws at use, DOMException, when the user has forbidden the page to store anything
 */
export function localStorageStore({ key = 'gatehouse' }: { key?: string } = {}): TokenStore {
  // Browsers leave it out, whatever its type says, unless the context is secure
  const locks: Locks | undefined = globalThis.navigator?.locks;
  return {
    get: () => parse(localStorage.getItem(key)),
    set: (tokens) => localStorage.setItem(key, JSON.stringify(tokens)),
    clear: () => localStorage.removeItem(key),
    ...(locks && { lock: (work) => locks.request(key, work) }),
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
