import type { TokenPair } from './schema.ts';
import type { StoredTokens } from './token-store.ts';

/** A refresh comes before the end of an access token's life by a tenth of it, and by no more than this. */
export const longestLeadMs = 30_000;

/** What is stored of a pair that has just come. */
export function storedTokens(
  pair: TokenPair,
  { baseUrl, session }: Pick<StoredTokens, 'baseUrl' | 'session'>,
): StoredTokens {
  // From the time of its receipt: the clock of the service, which `exp` is by, may be another
  const receivedAt = Date.now();
  const lifeMs = pair.expires_in * 1000;
  return {
    baseUrl,
    session,
    accessToken: pair.access_token,
    refreshToken: pair.refresh_token,
    expiresAt: receivedAt + lifeMs,
    renewAt: receivedAt + lifeMs - Math.min(lifeMs / 10, longestLeadMs),
  };
}

export function isDue({ renewAt }: StoredTokens): boolean {
  return Date.now() >= renewAt;
}

export function isValid({ expiresAt }: StoredTokens): boolean {
  return Date.now() < expiresAt;
}

/** Names a session. Not by randomUUID(), which browsers have in secure contexts alone. */
export function newSessionName(): string {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join('-');
}
