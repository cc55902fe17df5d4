import t from 'tap';
import { startApp } from '../support/app.ts';
import { bearer, logIn, registerAndLogIn } from '../support/people.ts';
import { refused, refusedFields } from '../support/refused.ts';
import { sessionIdOf, storedSessions } from '../support/sessions.ts';

const url = '/api/v1/me/sessions';

t.test('a user’s own sessions', async (t) => {
  const gatehouse = await startApp(t);
  const { post, get, database } = gatehouse;
  const bystander = await registerAndLogIn(gatehouse);
  const end = (id: unknown, accessToken: string) => gatehouse.delete(`${url}/${id}`, bearer(accessToken));

  t.test('are listed with what is known of them, the most recently used first', async (t) => {
    const first = await registerAndLogIn(gatehouse);
    const { email, password } = first;
    await post('/api/v1/auth/login', { email, password }, { 'user-agent': 'Difference/2 (Jacquard)' });
    await database.client.query(
      'UPDATE refreshaccesstokens SET ip = NULL, user_agent = NULL WHERE tokenid = $1',
      [sessionIdOf(first.accessToken)],
    );
    const { body: refreshed } = await post('/api/v1/auth/refresh-token', {
      refresh_token: first.refreshToken,
    });

    const { status, body, headers } = await get(url, bearer(String(refreshed['access_token'])));
    t.equal(status, 200);
    t.equal(headers['cache-control'], 'no-store');
    const { rows } = await database.client.query(
      `SELECT tokenid::int AS session_id, created_at, rotated_at AS last_used_at, expires_at, ip, user_agent
       FROM refreshaccesstokens WHERE user_id = $1 ORDER BY tokenid`,
      [first.userId],
    );
    const stored = rows.map((row, index) => ({
      ...JSON.parse(JSON.stringify(row)),
      current: index === 0,
    }));
    t.strictSame(body, { sessions: stored });
    t.match(stored, [
      { ip: null, user_agent: null },
      { ip: '127.0.0.1', user_agent: 'Difference/2 (Jacquard)' },
    ]);
    t.ok(stored[0].last_used_at > stored[1].last_used_at, 'the refresh counts as use');
    t.ok(stored[0].last_used_at > stored[0].created_at);
    t.equal(Date.parse(stored[0].expires_at) - Date.parse(stored[0].created_at), 30 * 86_400_000);
  });

  t.test('are not listed once they have expired or been left idle, and then cannot ask', async (t) => {
    for (const aged of ['expires_at = now()', "rotated_at = now() - interval '14 days'"]) {
      const old = await registerAndLogIn(gatehouse);
      const asking = await logIn(gatehouse, old);
      await database.client.query(`UPDATE refreshaccesstokens SET ${aged} WHERE tokenid = $1`, [
        sessionIdOf(old.accessToken),
      ]);
      const { body } = await get(url, bearer(asking.accessToken));
      t.match(body, { sessions: [{ session_id: sessionIdOf(asking.accessToken), current: true }] });
      t.equal((body['sessions'] as unknown[]).length, 1);
      refused(t, await get(url, bearer(old.accessToken)), 'SESSION_ENDED');
      refused(t, await end(sessionIdOf(asking.accessToken), old.accessToken), 'SESSION_ENDED');
      refused(t, await end(sessionIdOf(old.accessToken), asking.accessToken), 'SESSION_NOT_FOUND');
      t.equal((await storedSessions(gatehouse, old.userId)).length, 2, 'nothing has ended');
    }
  });

  t.test('can be ended one by one, the current one too', async (t) => {
    const first = await registerAndLogIn(gatehouse);
    const second = await logIn(gatehouse, first);
    const { status, headers } = await end(sessionIdOf(first.accessToken), second.accessToken);
    t.equal(status, 204);
    t.equal(headers['content-type'], undefined);
    t.strictSame(await storedSessions(gatehouse, first.userId), [
      { id: sessionIdOf(second.accessToken), generation: 1 },
    ]);
    refused(t, await get('/api/v1/me', bearer(first.accessToken)), 'SESSION_ENDED');
    refused(t, await end(sessionIdOf(first.accessToken), second.accessToken), 'SESSION_NOT_FOUND');

    t.equal((await end(sessionIdOf(second.accessToken), second.accessToken)).status, 204);
    t.strictSame(await storedSessions(gatehouse, first.userId), []);
    refused(t, await end(sessionIdOf(second.accessToken), second.accessToken), 'SESSION_ENDED');
    refused(t, await get(url, bearer(second.accessToken)), 'SESSION_ENDED');
  });

  t.test('another user’s are as unknown as those that never were', async (t) => {
    const { accessToken, userId } = await registerAndLogIn(gatehouse);
    const ids = [sessionIdOf(bystander.accessToken), 999_999_999, Number.MAX_SAFE_INTEGER];
    const answers = [];
    for (const id of ids) answers.push(await end(id, accessToken));
    for (const answer of answers) {
      refused(t, answer, 'SESSION_NOT_FOUND');
      t.strictSame(answer.body, answers[0]?.body);
    }
    t.equal((await storedSessions(gatehouse, userId)).length, 1);
    t.equal((await storedSessions(gatehouse, bystander.userId)).length, 1);
    t.equal((await get('/api/v1/me', bearer(bystander.accessToken))).status, 200);
  });

  t.test('take no body to end', async (t) => {
    const { accessToken, userId } = await registerAndLogIn(gatehouse);
    const send = async (payload: string) => {
      const response = await gatehouse.app.inject({
        method: 'DELETE',
        url: `${url}/${sessionIdOf(accessToken)}`,
        headers: { ...bearer(accessToken), 'content-type': 'application/json' },
        payload,
      });
      return {
        status: response.statusCode,
        headers: response.headers,
        body: response.statusCode === 204 ? {} : response.json(),
      };
    };
    const extra = await send('{"force":true}');
    refused(t, extra, 'VALIDATION_ERROR');
    t.strictSame(refusedFields(extra), ['force']);
    refused(t, await send('{'), 'MALFORMED_JSON');
    t.equal((await storedSessions(gatehouse, userId)).length, 1);
    t.equal((await send('')).status, 204);
    t.strictSame(await storedSessions(gatehouse, userId), []);
  });

  t.test('want an access token before anything else is looked at', async (t) => {
    refused(t, await get(url), 'AUTHENTICATION_REQUIRED');
    refused(t, await gatehouse.delete(`${url}/x`), 'AUTHENTICATION_REQUIRED');
    refused(t, await gatehouse.delete(url), 'METHOD_NOT_ALLOWED');
  });
});
