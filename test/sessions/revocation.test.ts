import t from 'tap';
import { startApp } from '../support/app.ts';
import { bearer, type LoggedInPerson, logIn, registerAndLogIn } from '../support/people.ts';
import { refused } from '../support/refused.ts';
import { sessionIdOf } from '../support/sessions.ts';

type Tokens = Pick<LoggedInPerson, 'accessToken' | 'refreshToken'>;

t.test('a session that has ended is refused everywhere at the next request', async (t) => {
  const gatehouse = await startApp(t, { env: { SESSIONS_PER_USER_MAX: '3' } });
  const { post, get, database } = gatehouse;
  const logout = '/api/v1/auth/logout';
  const refresh = (refresh_token: string) => post('/api/v1/auth/refresh-token', { refresh_token });
  const sql = (text: string, id: number) => database.client.query(text, [id]);

  /** Each ends the first session of a user who has another one beside it. */
  const endings: Record<string, (ending: Tokens, other: Tokens, person: LoggedInPerson) => Promise<unknown>> =
    {
      'logout by refresh token': ({ refreshToken }) => post(logout, { refresh_token: refreshToken }),
      'logout by access token': ({ accessToken }) => post(logout, undefined, bearer(accessToken)),
      'logout-others from another session': (_, { accessToken }) =>
        post('/api/v1/auth/logout-others', undefined, bearer(accessToken)),
      'logout-all': ({ accessToken }) => post('/api/v1/auth/logout-all', undefined, bearer(accessToken)),
      'logout-all from another session': (_, { accessToken }) =>
        post('/api/v1/auth/logout-all', undefined, bearer(accessToken)),
      'its own deletion': ({ accessToken }) =>
        gatehouse.delete(`/api/v1/me/sessions/${sessionIdOf(accessToken)}`, bearer(accessToken)),
      'its deletion from another session': (ending, { accessToken }) =>
        gatehouse.delete(`/api/v1/me/sessions/${sessionIdOf(ending.accessToken)}`, bearer(accessToken)),
      'two more logins at the limit': async (_ending, _other, person) => {
        await logIn(gatehouse, person);
        await logIn(gatehouse, person);
      },
      'a refresh token that came back': async ({ refreshToken }) => {
        const { body } = await refresh(refreshToken);
        await refresh(String(body['refresh_token']));
        refused(t, await refresh(refreshToken), 'REFRESH_TOKEN_REUSED');
      },
      'its absolute end': ({ accessToken }) =>
        sql('UPDATE refreshaccesstokens SET expires_at = now() WHERE tokenid = $1', sessionIdOf(accessToken)),
      'the idle limit': ({ accessToken }) =>
        sql(
          "UPDATE refreshaccesstokens SET rotated_at = now() - interval '14 days' WHERE tokenid = $1",
          sessionIdOf(accessToken),
        ),
      'the deletion of the user': (_ending, _other, { userId }) =>
        sql('DELETE FROM users WHERE user_id = $1', userId),
    };

  for (const [how, end] of Object.entries(endings)) {
    t.test(how, async (t) => {
      const person = await registerAndLogIn(gatehouse);
      const { accessToken, refreshToken, userId } = person;
      const other = await logIn(gatehouse, person);
      const requests = [
        () => get('/api/v1/me', bearer(accessToken)),
        () => get(`/auth/user/${userId}`, bearer(accessToken)),
        () => get('/api/v1/me/sessions', bearer(accessToken)),
      ];
      for (const ask of requests) t.equal((await ask()).status, 200, 'it is alive before');

      await end(person, other, person);

      for (const ask of requests) {
        const answer = await ask();
        refused(t, answer, 'SESSION_ENDED');
        t.equal(answer.headers['www-authenticate'], 'Bearer realm="gatehouse", error="invalid_token"');
      }
      const others = sessionIdOf(other.accessToken);
      refused(
        t,
        await gatehouse.delete(`/api/v1/me/sessions/${others}`, bearer(accessToken)),
        'SESSION_ENDED',
      );
      for (const url of ['/api/v1/auth/logout-others', '/api/v1/auth/logout-all'])
        refused(t, await post(url, undefined, bearer(accessToken)), 'SESSION_ENDED');
      // Last, as the answer to a token that came back is the same once
      refused(t, await refresh(refreshToken), 'SESSION_ENDED');
    });
  }
});
