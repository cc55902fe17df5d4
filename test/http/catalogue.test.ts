import t from 'tap';
import type { ErrorCode } from '../../src/errors.ts';
import { type Answer, secrets, startApp } from '../support/app.ts';
import { resigned } from '../support/forged-tokens.ts';
import { bearer, newPerson, registerAndLogIn } from '../support/people.ts';
import { refused } from '../support/refused.ts';

const login = '/api/v1/auth/login';
const registerUser = '/api/v1/register-user';
const refreshToken = '/api/v1/auth/refresh-token';
const logout = '/api/v1/auth/logout';
const sessions = '/api/v1/me/sessions';

const expired = (token: string) => resigned(token, secrets.REFRESH_TOKEN_SECRET, { iat: 1, exp: 2 });

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
    ['AUTHENTICATION_REQUIRED', logout, () => post(logout, {})],
    ['REFRESH_TOKEN_INVALID', logout, () => post(logout, { refresh_token: accessToken })],
    ['REFRESH_TOKEN_EXPIRED', logout, () => post(logout, { refresh_token: expired(person.refreshToken) })],
    ['ACCESS_TOKEN_INVALID', logout, () => post(logout, undefined, bearer(person.refreshToken))],
    [
      'ACCESS_TOKEN_EXPIRED',
      logout,
      () => post(logout, undefined, bearer(resigned(accessToken, secrets.SECRET_KEY, { iat: 1, exp: 2 }))),
    ],
    [
      'SESSION_NOT_FOUND',
      '/api/v1/me/sessions/{session_id}',
      () => gatehouse.delete('/api/v1/me/sessions/9007199254740991', bearer(accessToken)),
    ],
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
    ['SESSION_ENDED', sessions, () => get(sessions, bearer(accessToken))],
    ...['/api/v1/auth/logout-others', '/api/v1/auth/logout-all'].map(
      (url): [ErrorCode, string, () => Promise<Answer>] => [
        'SESSION_ENDED',
        url,
        () => post(url, undefined, bearer(accessToken)),
      ],
    ),
    [
      'SESSION_ENDED',
      '/api/v1/me/sessions/{session_id}',
      () => gatehouse.delete(`${sessions}/1`, bearer(accessToken)),
    ],
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
