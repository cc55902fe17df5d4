import { createHash } from 'node:crypto';
import type { Test } from 'tap';
import { type Answer, secrets, startApp, type TestApp, type TestAppOptions } from './app.ts';
import { createDatabase } from './database.ts';
import { type DatabaseProxy, startDatabaseProxy } from './database-proxy.ts';
import { claimsOf, forge, resigned } from './forged-tokens.ts';

export const gateway = { id: 'gateway', secret: '5ed25af7b1ed23fb00122e13d7f74c4d8262acd8' };

/** The entry of INTROSPECTION_CLIENTS for a client. */
export function clientEntry({ id, secret }: { id: string; secret: string }): string {
  return `${id}:${createHash('sha256').update(secret).digest('hex')}`;
}

/** RFC 6749 §2.3.1: both encoded as in a form, then RFC 7617. */
export function basic({ id, secret }: { id: string; secret: string }): { authorization: string } {
  const encode = (text: string) => new URLSearchParams([['', text]]).toString().slice(1);
  return rawBasic(`${encode(id)}:${encode(secret)}`);
}

/** HTTP Basic with whatever comes behind the scheme, encoded in base64. */
export function rawBasic(pair: string | Buffer): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

export interface AppForClients extends TestApp {
  proxy: DatabaseProxy;
  /** Sends a form, by default as the gateway. */
  send(path: string, form: Form, headers?: Record<string, string>): Promise<Answer>;
  introspect(token: string, hint?: string): Promise<Answer>;
  revoke(token: string, hint?: string): Promise<Answer>;
  /** The names of the statements that reached the database meanwhile. */
  statementsOf(work: () => Promise<unknown>): Promise<string[]>;
}

export type Form = Record<string, string> | string | Buffer;

/** The service with the gateway as its client, on a database whose statements are recorded. */
export async function startForClients(t: Test, { env }: TestAppOptions = {}): Promise<AppForClients> {
  const database = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, database.url);
  const gatehouse = await startApp(t, {
    env: { INTROSPECTION_CLIENTS: clientEntry(gateway), ...env },
    database: { ...database, url: proxy.url },
  });
  const send = (path: string, form: Form, headers: Record<string, string> = basic(gateway)) =>
    gatehouse.post(
      path,
      typeof form === 'string' || Buffer.isBuffer(form) ? form : new URLSearchParams(form).toString(),
      { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    );
  const withHint = (token: string, hint: string | undefined) =>
    hint === undefined ? { token } : { token, token_type_hint: hint };
  return {
    ...gatehouse,
    proxy,
    send,
    introspect: (token, hint) => send('/oauth/introspect', withHint(token, hint)),
    revoke: (token, hint) => send('/oauth/revoke', withHint(token, hint)),
    statementsOf: async (work) => {
      proxy.messages.length = 0;
      await work();
      return proxy.messages.filter(({ type }) => type === 'Bind').map(({ statement }) => statement);
    },
  };
}

type Tokens = { accessToken: string; refreshToken: string };

/** Tokens as good as the person's own, to show that it is not the signing that makes the others worthless. */
export function signedAnew({ accessToken, refreshToken }: Tokens): Tokens {
  const { sub, sid } = claimsOf(accessToken);
  return {
    accessToken: forge({ userId: Number(sub), sessionId: Number(sid) }),
    refreshToken: resigned(refreshToken, secrets.REFRESH_TOKEN_SECRET, {}),
  };
}

/** Tokens that are none of ours, or no longer, by what is wrong with them. */
export function worthlessTokens({ accessToken, refreshToken }: Tokens): Record<string, string> {
  const { sub, sid } = claimsOf(accessToken);
  const person = { userId: Number(sub), sessionId: Number(sid) };
  const [header, payload] = accessToken.split('.');
  const [, , refreshSignature] = refreshToken.split('.');
  const now = Math.floor(Date.now() / 1000);
  return {
    garbage: 'garbage',
    'a UUID': '00000000-0000-4000-8000-000000000000',
    'a very long one': 'a'.repeat(9000),
    'one with a NUL': 'a\0b',
    'one that is not ASCII': '🙂.é.ß',
    'a truncated access token': accessToken.slice(0, -4),
    'a truncated refresh token': refreshToken.slice(0, -4),
    'an access token with the signature of a refresh token': `${header}.${payload}.${refreshSignature}`,
    'an access token without a signature': `${header}.${payload}.`,
    'two tokens': `${accessToken} ${accessToken}`,
    'an access token with its scheme': `Bearer ${accessToken}`,
    'an expired access token': forge(person, { claims: { iat: 1, exp: 2 } }),
    'an expired refresh token': resigned(refreshToken, secrets.REFRESH_TOKEN_SECRET, { iat: 1, exp: 2 }),
    'an access token that is not yet valid': forge(person, { claims: { nbf: now + 3600 } }),
    'an access token of another issuer': forge(person, { claims: { iss: 'elsewhere' } }),
    'an access token for another audience': forge(person, { claims: { aud: 'elsewhere' } }),
    'an access token whose sid is no id': forge(person, { claims: { sid: '1 OR 1=1' } }),
    'an access token with the key of refresh tokens': forge(person, { key: secrets.REFRESH_TOKEN_SECRET }),
    'an access token that calls itself a refresh token': forge(person, { header: { typ: 'rt+jwt' } }),
    'a refresh token of generation 0': resigned(refreshToken, secrets.REFRESH_TOKEN_SECRET, {
      generation: 0,
    }),
  };
}
