import t, { type Test } from 'tap';
import type { ErrorCode } from '../../src/errors.ts';
import { type Answer, secrets, startApp } from '../support/app.ts';
import { createDatabase } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { type Forgery, forge } from '../support/forged-tokens.ts';
import { bearer, registerAndLogIn } from '../support/people.ts';
import { exchange, listen } from '../support/raw-client.ts';
import { refused } from '../support/refused.ts';

const none = 'Bearer realm="gatehouse"';
const invalid = 'Bearer realm="gatehouse", error="invalid_token"';
const past = Math.floor(Date.now() / 1000) - 60;

t.test('bearer tokens', async (t) => {
  const database = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, database.url);
  const gatehouse = await startApp(t, { database: { ...database, url: proxy.url } });
  const { get } = gatehouse;
  const port = await listen(gatehouse);
  const [ada, eve] = [await registerAndLogIn(gatehouse), await registerAndLogIn(gatehouse)];
  const [adasSession, evesSession] = [await sessionOf(ada.userId), await sessionOf(eve.userId)];
  const adas = { userId: ada.userId, sessionId: adasSession };
  /** Every operation that takes an access token. */
  const operations = [
    ...['/api/v1/me', `/auth/user/${ada.userId}`, '/api/v1/me/sessions'].map(
      (url) => (headers: { authorization: string }) => get(url, headers),
    ),
    ...['/api/v1/auth/logout', '/api/v1/auth/logout-others', '/api/v1/auth/logout-all'].map(
      (url) => (headers: { authorization: string }) => gatehouse.post(url, undefined, headers),
    ),
    (headers: { authorization: string }) => gatehouse.delete(`/api/v1/me/sessions/${adasSession}`, headers),
  ];
  const statements = () => proxy.countStatements('gatehouse');

  async function sessionOf(userId: number): Promise<number> {
    const { rows } = await gatehouse.database.client.query(
      'SELECT tokenid::int FROM refreshaccesstokens WHERE user_id = $1',
      [userId],
    );
    return rows[0].tokenid;
  }

  function challenged(t: Test, answer: Answer, code: ErrorCode, challenge: string): void {
    refused(t, answer, code);
    t.equal(answer.headers['www-authenticate'], challenge);
    t.equal(answer.headers['cache-control'], 'no-store');
  }

  t.test('control: a token made by hand is accepted when nothing in it is forged', async (t) => {
    const { status, body } = await get('/api/v1/me', bearer(forge(adas)));
    t.equal(status, 200);
    t.equal(body['user_id'], ada.userId);
  });

  t.test('the scheme is in any case, with any number of spaces (RFC 9110 §11.1)', async (t) => {
    for (const scheme of ['Bearer', 'bearer', 'BEARER', 'bEaReR  ']) {
      const answer = await get('/api/v1/me', { authorization: `${scheme} ${ada.accessToken}` });
      t.equal(answer.status, 200, scheme);
    }
  });

  for (const authorization of ['', 'Basic YTpi', 'Digest username="a"', 'token', 'Bearertoken']) {
    t.test(`"${authorization}" is no token, and the challenge names no error (RFC 6750 §3.1)`, async (t) => {
      challenged(t, await get('/api/v1/me', { authorization }), 'AUTHENTICATION_REQUIRED', none);
    });
  }

  t.test('no header at all', async (t) =>
    challenged(t, await get('/api/v1/me'), 'AUTHENTICATION_REQUIRED', none),
  );

  t.test('a token anywhere but in the header is not looked at (RFC 9700 §4.3.2)', async (t) => {
    const query = `?access_token=${ada.accessToken}&authorization=Bearer%20${ada.accessToken}`;
    challenged(t, await get(`/api/v1/me${query}`), 'AUTHENTICATION_REQUIRED', none);
    challenged(
      t,
      await get('/api/v1/me', {
        cookie: `access_token=${ada.accessToken}`,
        'x-access-token': ada.accessToken,
      }),
      'AUTHENTICATION_REQUIRED',
      none,
    );
  });

  const malformed = {
    'the scheme alone': 'Bearer',
    'the scheme and a space': 'Bearer ',
    'two tokens': `Bearer ${ada.accessToken} ${ada.accessToken}`,
    'two headers, joined': `Bearer ${ada.accessToken}, Bearer ${ada.accessToken}`,
    garbage: 'Bearer garbage',
    'two parts': `Bearer ${ada.accessToken.split('.').slice(0, 2).join('.')}`,
    'four parts': `Bearer ${ada.accessToken}.x`,
    quotes: `Bearer "${ada.accessToken}"`,
    'a NUL': 'Bearer a\u0000b',
    'a very long one': `Bearer ${'a'.repeat(64 * 1024)}`,
    'a valid one that goes on': `Bearer ${ada.accessToken}${'A'.repeat(64 * 1024)}`,
  };
  for (const [name, authorization] of Object.entries(malformed)) {
    t.test(`${name} is invalid`, async (t) => {
      const answer = await get('/api/v1/me', { authorization });
      refused(t, answer, 'ACCESS_TOKEN_INVALID');
      t.equal(answer.headers['www-authenticate'], invalid);
    });
  }

  const forgeries: Record<string, Forgery> = {
    'alg none': { header: { alg: 'none' }, hash: null },
    'alg none with a signature': { header: { alg: 'none' } },
    'alg nOnE': { header: { alg: 'nOnE' }, hash: null },
    'HS384 with the same key': { header: { alg: 'HS384' }, hash: 'sha384' },
    'HS512 with the same key': { header: { alg: 'HS512' }, hash: 'sha512' },
    'RS256 by name only': { header: { alg: 'RS256' } },
    'another key': { key: 'k'.repeat(64) },
    'the empty key': { key: '' },
    'the key of refresh tokens': { key: secrets.REFRESH_TOKEN_SECRET },
    'no signature': { hash: null },
    'a key of its own': { header: { jwk: { kty: 'oct', k: 'aw' } }, key: 'k' },
    'a key from a file': { header: { kid: '../../../dev/null' }, key: '' },
    'typ JWT': { header: { typ: 'JWT' } },
    'typ rt+jwt': { header: { typ: 'rt+jwt' } },
    'no typ': { header: { typ: undefined } },
    'a critical extension': { header: { crit: ['b64'], b64: false }, key: 'k' },
    'another issuer': { claims: { iss: 'elsewhere' } },
    'another audience': { claims: { aud: 'elsewhere' } },
    'a list without this audience': { claims: { aud: ['a', 'b'] } },
    'sub of another type': { claims: { sub: ada.userId } },
    'sub that is no id': { claims: { sub: '1e1' } },
    'sub below 1': { claims: { sub: '0' } },
    'sub above 2^53': { claims: { sub: '9007199254740993' } },
    'sub with SQL': { claims: { sub: "1' OR '1'='1" } },
    'exp as text': { claims: { exp: 'never' } },
    'exp as null': { claims: { exp: null } },
    'not yet valid': { claims: { nbf: past + 3600 } },
    'expired, with another key': { claims: { exp: past }, key: 'k'.repeat(64) },
    ...Object.fromEntries(
      ['iss', 'aud', 'sub', 'sid', 'jti', 'iat', 'exp'].map((claim) => [
        `no ${claim}`,
        { claims: { [claim]: undefined } },
      ]),
    ),
  };
  for (const [name, forgery] of Object.entries(forgeries)) {
    t.test(`${name} is invalid, and the database is not asked`, async (t) => {
      const before = statements();
      for (const ask of operations) {
        const answer = await ask(bearer(forge(adas, forgery)));
        refused(t, answer, 'ACCESS_TOKEN_INVALID');
        t.equal(answer.headers['www-authenticate'], invalid);
      }
      t.equal(statements(), before);
    });
  }

  t.test('an expired token gets a code of its own, and the database is not asked', async (t) => {
    const before = statements();
    for (const ask of operations) {
      const answer = await ask(bearer(forge(adas, { claims: { iat: past - 60, exp: past } })));
      challenged(t, answer, 'ACCESS_TOKEN_EXPIRED', invalid);
    }
    t.equal(statements(), before);
  });

  t.test('a refresh token is no access token, and the database is not asked', async (t) => {
    const before = statements();
    for (const ask of operations)
      challenged(t, await ask(bearer(ada.refreshToken)), 'ACCESS_TOKEN_INVALID', invalid);
    t.equal(statements(), before);
  });

  t.test('a token with the session of someone else is refused', async (t) => {
    const before = statements();
    const stolen = forge({ userId: ada.userId, sessionId: evesSession });
    challenged(t, await get('/api/v1/me', bearer(stolen)), 'SESSION_ENDED', invalid);
    t.equal(statements(), before + 1, 'this refusal needs the database');
  });

  t.test('64 KiB are more than a header may have', async (t) => {
    const before = statements();
    const head = 'GET /api/v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';
    const token = 'a'.repeat(64 * 1024);
    refused(t, await exchange(port, `${head}Authorization: Bearer ${token}\r\n\r\n`), 'HEADERS_TOO_LARGE');
    t.equal(statements(), before);
  });

  t.test('two Authorization headers are one too many', async (t) => {
    const line = `Authorization: Bearer ${ada.accessToken}\r\n`;
    const head = 'GET /api/v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n';
    t.equal((await exchange(port, `${head}${line}\r\n`)).status, 200);
    challenged(t, await exchange(port, `${head}${line}${line}\r\n`), 'ACCESS_TOKEN_INVALID', invalid);
  });
});
