import { createHmac } from 'node:crypto';
import { secrets } from './app.ts';

/** What the payload of a token says. */
export function claimsOf(token: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
}

/** The same token with these claims changed, signed anew with HS256. */
export function resigned(token: string, key: string, changed: object): string {
  const [header] = token.split('.');
  const signed = `${header}.${encode({ ...claimsOf(token), ...changed })}`;
  return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
}

const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');

export interface Forgery {
  header?: object;
  claims?: object;
  key?: string;
  /** For createHmac; null leaves the signature empty. */
  hash?: string | null;
}

/** A token like the service's own (RFC 7515 §7.1), except for what the forgery changes. */
export function forge(
  { userId, sessionId }: { userId: number; sessionId: number },
  { header = {}, claims = {}, key = secrets.SECRET_KEY, hash = 'sha256' }: Forgery = {},
): string {
  const now = Math.floor(Date.now() / 1000);
  const signed = [
    encode({ alg: 'HS256', typ: 'at+jwt', ...header }),
    encode({
      iss: 'gatehouse',
      aud: 'gatehouse',
      sub: String(userId),
      sid: String(sessionId),
      jti: 'x',
      iat: now,
      exp: now + 60,
      ...claims,
    }),
  ].join('.');
  return `${signed}.${hash === null ? '' : createHmac(hash, key).update(signed).digest('base64url')}`;
}

/** What is presented as a refresh token and is none, by a name for people, made from the tokens of someone logged in. */
export function forgedRefreshTokens({
  accessToken,
  refreshToken,
}: {
  accessToken: string;
  refreshToken: string;
}): Record<string, string> {
  const key = secrets.REFRESH_TOKEN_SECRET;
  const [header = '', claims = '', signature = ''] = refreshToken.split('.');
  const soon = Math.floor(Date.now() / 1000) + 3600;
  const unsigned = (head: object) => `${encode(head)}.${claims}`;
  const withHeader = (head: object) => {
    const signed = unsigned({ alg: 'HS256', typ: 'rt+jwt', ...head });
    return `${signed}.${createHmac('sha256', key).update(signed).digest('base64url')}`;
  };
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const stray = alphabet[alphabet.indexOf(signature.at(-1) ?? '') + 1];
  return {
    garbage: 'garbage',
    'an access token': accessToken,
    truncated: refreshToken.slice(0, -4),
    'without a signature': `${header}.${claims}.`,
    'without signature and alg': `${unsigned({ alg: 'none', typ: 'rt+jwt' })}.`,
    'with padding': `${refreshToken}=`,
    'with white space': `${refreshToken} `,
    'with stray bits in its signature': refreshToken.slice(0, -1) + stray,
    'with a fourth part': `${refreshToken}.x`,
    oversized: refreshToken + 'A'.repeat(8192),
    'of typ JWT': withHeader({ typ: 'JWT' }),
    'of typ at+jwt': withHeader({ typ: 'at+jwt' }),
    'of an unknown key': withHeader({ kid: 'unknown' }),
    'with a critical extension': withHeader({ crit: ['exp'] }),
    'of another key': resigned(refreshToken, 'k'.repeat(64), {}),
    'of the key of access tokens': resigned(refreshToken, secrets.SECRET_KEY, {}),
    'of another algorithm': resigned(refreshToken, key, {}).replace(
      header,
      encode({ alg: 'HS512', typ: 'rt+jwt' }),
    ),
    'not valid yet': resigned(refreshToken, key, { nbf: soon }),
    'without a handle': resigned(refreshToken, key, { handle: undefined }),
    'with a handle that is none': resigned(refreshToken, key, { handle: "' OR true --" }),
    'of no generation': resigned(refreshToken, key, { generation: undefined }),
    'of generation 0': resigned(refreshToken, key, { generation: 0 }),
    'of generation 1.5': resigned(refreshToken, key, { generation: 1.5 }),
    'of generation 2^31': resigned(refreshToken, key, { generation: 2 ** 31 }),
    'without an end': resigned(refreshToken, key, { exp: undefined }),
    'expired, of another key': resigned(refreshToken, 'k'.repeat(64), { iat: 1, exp: 2 }),
  };
}
