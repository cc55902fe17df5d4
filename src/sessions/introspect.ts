import type { Database } from '../storage/query.ts';
import { findLiveSession, findRefreshableSession } from '../storage/token-sessions.ts';
import { hashHandle } from '../tokens/refresh-token.ts';
import { type PresentedToken, recogniseToken } from './presented-token.ts';
import type { TokenPairDeps } from './token-pair.ts';

export interface IntrospectDeps extends TokenPairDeps {
  db: Database;
  /** The iss and aud of access tokens. */
  issuer: string;
  audience: string;
}

/** RFC 7662 §2.2; times in seconds since the epoch. */
export type Introspection =
  | { active: false }
  | {
      active: true;
      token_type?: 'Bearer';
      sub: string;
      sid: string;
      iss: string;
      aud?: string;
      jti?: string;
      iat: number;
      exp: number;
    };

const inactive = { active: false } as const;

/**
 * What a token is worth right now (RFC 7662), in one statement, or none for what is not one of our tokens. An access
 * token is active while its session lives. A refresh token is active only for those who say with the hint that they
 * mean refresh tokens, and while a refresh with it would succeed: a resource server that takes any active token must
 * not take one of those (docs/decisions/008).
 *
 * @throws ApiError DATABASE_UNAVAILABLE
 */
export async function introspect(
  deps: IntrospectDeps,
  { token, hint }: { token: string; hint: string | undefined },
): Promise<Introspection> {
  const recognised = recogniseToken(deps.tokens, token);
  if (recognised?.kind === 'access') return introspectAccessToken(deps, recognised);
  if (recognised?.kind === 'refresh' && hint === 'refresh_token') {
    return introspectRefreshToken(deps, recognised);
  }
  return inactive;
}

async function introspectAccessToken(
  { db, issuer, audience }: IntrospectDeps,
  { userId, sessionId, jti, issuedAt, expiresAt }: PresentedToken & { kind: 'access' },
): Promise<Introspection> {
  const session = await findLiveSession(db, { userId, sessionId });
  if (!session) return inactive;
  const times = { iat: issuedAt, exp: expiresAt };
  return {
    active: true,
    token_type: 'Bearer',
    ...subjectOf(session),
    iss: issuer,
    aud: audience,
    jti,
    ...times,
  };
}

async function introspectRefreshToken(
  { db, issuer, sessionLimits }: IntrospectDeps,
  { handle, generation, issuedAt, expiresAt }: PresentedToken & { kind: 'refresh' },
): Promise<Introspection> {
  const presented = { handleHash: hashHandle(handle), generation };
  const session = await findRefreshableSession(db, presented, sessionLimits.refreshGraceSeconds);
  if (!session) return inactive;
  return { active: true, ...subjectOf(session), iss: issuer, iat: issuedAt, exp: expiresAt };
}

function subjectOf({ user_id, tokenid }: { user_id: number; tokenid: number }) {
  return { sub: String(user_id), sid: String(tokenid) };
}
