import type { SessionRow } from '../storage/sessions.ts';
import { signAccessToken } from '../tokens/access-token.ts';
import { signRefreshToken } from '../tokens/refresh-token.ts';
import type { TokenKinds } from '../tokens/token-kind.ts';

export interface TokenPairDeps {
  tokens: TokenKinds;
  sessionLimits: SessionLimits;
}

export interface SessionLimits {
  accessTokenSeconds: number;
  /** Absolute, however often the session is refreshed. */
  lifetimeSeconds: number;
  /** Without a refresh. */
  idleSeconds: number;
  /** How long a refresh may be repeated; 0 for not at all. */
  refreshGraceSeconds: number;
  /** How many sessions a user may have at a time. */
  perUserMax: number;
}

/** RFC 6749 §5.1, and how long the refresh token lasts; seconds. */
export interface TokenPair {
  access_token: string;
  token_type: 'Bearer';
  expires_in: number;
  refresh_token: string;
  refresh_expires_in: number;
}

/** Whose session it is, and the tokens it has now. */
export interface LoggedIn {
  userId: number;
  tokens: TokenPair;
}

/** The tokens for a session as it stands. An access token never outlives its session. */
export function tokenPair(
  { tokens, sessionLimits }: TokenPairDeps,
  session: SessionRow,
  handle: string,
): TokenPair {
  const accessExpiresAt = Math.min(
    session.now + sessionLimits.accessTokenSeconds,
    session.refresh_expires_at,
  );
  return {
    access_token: signAccessToken(tokens.access, {
      userId: session.user_id,
      sessionId: session.tokenid,
      issuedAt: session.now,
      expiresAt: accessExpiresAt,
    }),
    token_type: 'Bearer',
    expires_in: accessExpiresAt - session.now,
    refresh_token: signRefreshToken(tokens.refresh, {
      handle,
      generation: session.generation,
      issuedAt: session.rotated_at,
      expiresAt: session.refresh_expires_at,
    }),
    refresh_expires_in: session.refresh_expires_at - session.now,
  };
}
