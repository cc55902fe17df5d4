import { ApiError } from '../errors.ts';
import { type AccessToken, verifyAccessToken } from '../tokens/access-token.ts';
import { type RefreshToken, verifyRefreshToken } from '../tokens/refresh-token.ts';
import type { TokenKinds } from '../tokens/token-kind.ts';

/** What an unlabelled token is by its signature and claims, before the database is asked. */
export type PresentedToken = ({ kind: 'access' } & AccessToken) | ({ kind: 'refresh' } & RefreshToken);

/** Undefined for whatever is not one of our tokens, or no longer. */
export function recogniseToken({ access, refresh }: TokenKinds, token: string): PresentedToken | undefined {
  return (
    unlessRefused(() => ({ kind: 'access', ...verifyAccessToken(access, token) })) ??
    unlessRefused(() => ({ kind: 'refresh', ...verifyRefreshToken(refresh, token) }))
  );
}

function unlessRefused(recognise: () => PresentedToken): PresentedToken | undefined {
  try {
    return recognise();
  } catch (error) {
    if (error instanceof ApiError) return undefined;
    throw error;
  }
}
