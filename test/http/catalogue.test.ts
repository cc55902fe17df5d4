import { createHmac } from 'node:crypto';
import t from 'tap';
import type { ErrorCode } from '../../src/errors.ts';
import { type Answer, secrets, startApp } from '../support/app.ts';
import { bearer, newPerson, registerAndLogIn } from '../support/people.ts';
import { refused } from '../support/refused.ts';

const login = '/api/v1/auth/login';
const registerUser = '/api/v1/register-user';
const refreshToken = '/api/v1/auth/refresh-token';

function expired(token: string): string {
  const [header = '', claims = ''] = token.split('.');
  const aged = { ...JSON.parse(Buffer.from(claims, 'base64url').toString()), iat: 1, exp: 2 };
  const signed = `${header}.${Buffer.from(JSON.stringify(aged)).toString('base64url')}`;
  return `${signed}.${createHmac('sha256', secrets.REFRESH_TOKEN_SECRET).update(signed).digest('base64url')}`;
}

t.test('what an operation refuses is documented at that operation', async (t) => {
  const gatehouse = await startApp(t, { env: { REFRESH_GRACE_SECONDS: '0' } });
  const { post, get, database, app, hasher } = gatehouse;
  const { paths } = (await app.inject({ url: '/openapi.json' })).json();
  const { userId, accessToken, ...person } = await registerAndLogIn(gatehouse);
  const { email, password } = person;
  const refresh = (refresh_token: string) => post(refreshToken, { refresh_token });

  const requests: [code: ErrorCode, operation: string, send: () => Promise<Answer>][] = [
    ['INVALID_CREDENTIALS', login, () => post(login, { email, password: 'not the password' })],
    [
      'EMAIL_ALREADY_EXISTS',
      registerUser,
      () => post(registerUser, newPerson({ email: email.toUpperCase() })),
    ],
    ['FORBIDDEN', '/auth/user/{user_id}', () => get(`/auth/user/${userId + 1}`, bearer(accessToken))],
    ['REFRESH_TOKEN_INVALID', refreshToken, () => refresh(accessToken)],
    ['REFRESH_TOKEN_EXPIRED', refreshToken, () => refresh(expired(person.refreshToken))],
    [
      'REFRESH_TOKEN_REUSED',
      refreshToken,
      async () => {
        await refresh(person.refreshToken);
        return refresh(person.refreshToken);
      },
    ],
    ['SESSION_ENDED', refreshToken, () => refresh(person.refreshToken)],
    ['SESSION_ENDED', '/api/v1/me', () => get('/api/v1/me', bearer(accessToken))],
    [
      'SHUTTING_DOWN',
      login,
      async () => {
        await hasher.close();
        return post(login, { email, password });
      },
    ],
  ];
  for (const [code, path, send] of requests) {
    t.test(`${code} at ${path}`, async (t) => {
      const answer = await send();
      refused(t, answer, code);
      const [operation] = Object.values<{ responses: Record<string, { description: string }> }>(paths[path]);
      t.match(operation?.responses[answer.status]?.description, `\`${code}\``);
      if (answer.status === 401) t.match(answer.headers['www-authenticate'], 'Bearer realm="gatehouse"');
      if (answer.status === 503) t.match(answer.headers['retry-after'], /^\d+$/);
    });
  }
  t.test('REFRESH_TOKEN_REUSED has ended the session', async (t) => {
    const { rows } = await database.client.query('SELECT FROM refreshaccesstokens WHERE user_id = $1', [
      userId,
    ]);
    t.equal(rows.length, 0);
  });
});
