import type { Database } from '../storage/query.ts';
import { findLiveSession, findRefreshableSession } from '../storage/token-sessions.ts';
import { type PresentedToken, recogniseToken } from './presented-token.ts';
import type { TokenPairDeps } from './token-pair.ts';

export interface IntrospectDeps extends TokenPairDeps {
  db: Database;
  /** The iss of all tokens; refresh tokens do not carry it. */
  issuer: string;
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
  { db }: IntrospectDeps,
  { session, claims }: PresentedToken & { kind: 'access' },
): Promise<Introspection> {
  const alive = await findLiveSession(db, session);
  if (!alive) return inactive;
  const { iss, aud, jti, iat, exp } = claims;
  return { active: true, token_type: 'Bearer', ...subjectOf(alive), iss, aud, jti, iat, exp };
}

async function introspectRefreshToken(
  { db, issuer, sessionLimits }: IntrospectDeps,
  presented: PresentedToken & { kind: 'refresh' },
): Promise<Introspection> {
  const session = await findRefreshableSession(db, presented, sessionLimits.refreshGraceSeconds);
  if (!session) return inactive;
  const { iat, exp } = presented.claims;
  return { active: true, ...subjectOf(session), iss: issuer, iat, exp };
}

function subjectOf({ user_id, tokenid }: { user_id: number; tokenid: number }) {
  return { sub: String(user_id), sid: String(tokenid) };
}
