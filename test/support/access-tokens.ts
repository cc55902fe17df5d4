import { createHmac } from 'node:crypto';
import { secrets } from './app.ts';

/** The same token with these claims changed, signed anew with HS256. */
export function resigned(token: string, key: string, changed: object): string {
  const [header = '', claims = ''] = token.split('.');
  const signed = `${header}.${encode({ ...JSON.parse(Buffer.from(claims, 'base64url').toString()), ...changed })}`;
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
