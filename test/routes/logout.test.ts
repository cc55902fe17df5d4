import t from 'tap';
import { secrets, startApp } from '../support/app.ts';
import { createDatabase } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { forgedRefreshTokens, resigned } from '../support/forged-tokens.ts';
import { bearer, logIn, registerAndLogIn } from '../support/people.ts';
import { exchange, listen } from '../support/raw-client.ts';
import { refused } from '../support/refused.ts';
import { sessionIdOf, storedSessions } from '../support/sessions.ts';

const url = '/api/v1/auth/logout';

t.test('POST /api/v1/auth/logout', async (t) => {
  const database = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, database.url);
  const gatehouse = await startApp(t, { database: { ...database, url: proxy.url } });
  const { app, post, get } = gatehouse;
  const port = await listen(gatehouse);
  const refresh = (refresh_token: unknown) => post('/api/v1/auth/refresh-token', { refresh_token });

  t.test('with a refresh token ends that session and no other', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const elsewhere = await logIn(gatehouse, person);
    const answer = await post(url, { refresh_token: person.refreshToken });
    t.equal(answer.status, 204);
    t.equal(answer.headers['cache-control'], 'no-store');
    t.equal(answer.headers['content-type'], undefined);
    t.match(answer.headers['x-request-id'], /\S/);
    refused(t, await refresh(person.refreshToken), 'SESSION_ENDED');
    refused(t, await get('/api/v1/me', bearer(person.accessToken)), 'SESSION_ENDED');
    t.strictSame(
      (await storedSessions(gatehouse, person.userId)).map(({ id }) => id),
      [sessionIdOf(elsewhere.accessToken)],
    );
    t.equal((await refresh(elsewhere.refreshToken)).status, 200);
  });

  t.test('takes a refresh token of any generation', async (t) => {
    for (const which of [0, 1, 2]) {
      const person = await registerAndLogIn(gatehouse);
      const tokens: unknown[] = [person.refreshToken];
      for (const _ of [1, 2]) tokens.push((await refresh(tokens.at(-1))).body['refresh_token']);
      t.strictSame(await storedSessions(gatehouse, person.userId), [
        { id: sessionIdOf(person.accessToken), generation: 3 },
      ]);
      t.equal((await post(url, { refresh_token: tokens[which] })).status, 204);
      t.strictSame(await storedSessions(gatehouse, person.userId), [], `generation ${which + 1}`);
    }
  });

  t.test('with an access token needs no body', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const type = { 'content-type': 'application/json' };
    const bodies = {
      'no body': () => post(url, undefined, bearer(person.accessToken)),
      'an empty object': () => post(url, {}, bearer(person.accessToken)),
      'null, as generated clients send no body': () => post(url, 'null', bearer(person.accessToken)),
      'an empty body with a content type': () => post(url, '', bearer(person.accessToken)),
      'a content type alone': () => post(url, undefined, { ...type, ...bearer(person.accessToken) }),
      'no Content-Length': () =>
        exchange(
          port,
          `POST ${url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${person.accessToken}\r\n\r\n`,
        ),
      'an empty chunked body': () =>
        exchange(
          port,
          `POST ${url} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${person.accessToken}\r\n` +
            'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
        ),
    };
    for (const [what, send] of Object.entries(bodies)) {
      await database.client.query('DELETE FROM refreshaccesstokens WHERE user_id = $1', [person.userId]);
      Object.assign(person, await logIn(gatehouse, person));
      t.equal((await send()).status, 204, what);
      t.strictSame(await storedSessions(gatehouse, person.userId), [], what);
    }
  });

  t.test('with a refresh token does not look at the Authorization header', async (t) => {
    const ada = await registerAndLogIn(gatehouse);
    for (const authorization of [
      'Bearer garbage',
      'Bearer',
      'Basic YTpi',
      `Bearer ${resigned(ada.accessToken, secrets.SECRET_KEY, { iat: 1, exp: 2 })}`,
      `Bearer ${ada.accessToken}`,
    ]) {
      const eve = await registerAndLogIn(gatehouse);
      const answer = await post(url, { refresh_token: eve.refreshToken }, { authorization });
      t.equal(answer.status, 204, authorization.slice(0, 16));
      t.strictSame(await storedSessions(gatehouse, eve.userId), []);
    }
    refused(t, await post(url, { refresh_token: 'x' }, bearer(ada.accessToken)), 'REFRESH_TOKEN_INVALID');
    t.equal((await storedSessions(gatehouse, ada.userId)).length, 1, 'the session of the header goes on');
  });

  t.test('may be repeated, whichever way the session ended', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    for (const _ of [1, 2]) {
      t.equal((await post(url, { refresh_token: person.refreshToken })).status, 204);
      t.equal((await post(url, undefined, bearer(person.accessToken))).status, 204);
    }
    const deleted = await registerAndLogIn(gatehouse);
    await database.client.query('DELETE FROM users WHERE user_id = $1', [deleted.userId]);
    t.equal((await post(url, { refresh_token: deleted.refreshToken })).status, 204);
    t.equal((await post(url, undefined, bearer(deleted.accessToken))).status, 204);
  });

  t.test('of a session that is idle or expired removes it', async (t) => {
    for (const aged of [
      "rotated_at = now() - interval '15 days'",
      "expires_at = now() - interval '1 second'",
    ]) {
      const person = await registerAndLogIn(gatehouse);
      await database.client.query(`UPDATE refreshaccesstokens SET ${aged} WHERE user_id = $1`, [
        person.userId,
      ]);
      t.equal((await post(url, undefined, bearer(person.accessToken))).status, 204);
      t.strictSame(await storedSessions(gatehouse, person.userId), []);
    }
  });

  t.test('an access token whose user is not the one of its session ends nothing', async (t) => {
    const [ada, eve] = [await registerAndLogIn(gatehouse), await registerAndLogIn(gatehouse)];
    const forged = resigned(ada.accessToken, secrets.SECRET_KEY, {
      sid: String(sessionIdOf(eve.accessToken)),
    });
    t.equal((await post(url, undefined, bearer(forged))).status, 204);
    t.equal((await storedSessions(gatehouse, eve.userId)).length, 1);
  });

  t.test('without a token is refused', async (t) => {
    for (const answer of [
      await post(url, undefined),
      await post(url, {}),
      await post(url, undefined, { authorization: 'Basic YTpi' }),
    ]) {
      refused(t, answer, 'AUTHENTICATION_REQUIRED');
      t.equal(answer.headers['www-authenticate'], 'Bearer realm="gatehouse"');
    }
  });

  t.test('refuses a refresh token that does not verify, without asking the database', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const { refreshToken } = person;
    const key = secrets.REFRESH_TOKEN_SECRET;
    const before = proxy.countStatements('gatehouse');
    for (const [what, token] of Object.entries(forgedRefreshTokens(person))) {
      const answer = await post(url, { refresh_token: token });
      refused(t, answer, 'REFRESH_TOKEN_INVALID');
      t.equal(answer.headers['www-authenticate'], 'Bearer realm="gatehouse"', what);
    }
    const expired = resigned(refreshToken, key, { iat: 1, exp: 2 });
    refused(t, await post(url, { refresh_token: expired }), 'REFRESH_TOKEN_EXPIRED');
    refused(t, await post(url, { refresh_token: 'x'.repeat(64 * 1024) }), 'REFRESH_TOKEN_INVALID');
    t.equal(proxy.countStatements('gatehouse'), before);
    t.equal((await storedSessions(gatehouse, person.userId)).length, 1);
    t.equal((await refresh(resigned(refreshToken, key, {}))).status, 200, 'control');
  });

  t.test('the log names the user', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const elsewhere = await logIn(gatehouse, person);
    const answers = [
      await post(url, { refresh_token: person.refreshToken }),
      await post(url, undefined, bearer(elsewhere.accessToken)),
    ];
    for (const { headers } of answers) {
      const lines = gatehouse.logLines.filter(({ reqId }) => reqId === headers['x-request-id']);
      const { userId: user_id } = person;
      t.match(lines, [
        { event: 'session_expired', user_id },
        { msg: 'request', status: 204, user_id },
      ]);
    }
  });

  t.test('takes JSON and nothing else', async (t) => {
    const { refreshToken } = await registerAndLogIn(gatehouse);
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    refused(t, await post(url, `refresh_token=${refreshToken}`, form), 'UNSUPPORTED_MEDIA_TYPE');
    const untyped = await app.inject({ method: 'POST', url, payload: '{}' });
    t.equal(untyped.statusCode, 415);
    t.equal((await refresh(refreshToken)).status, 200);
  });

  t.test(
    'takes an access token alone, whatever type a client gives to the body that it does not send',
    async (t) => {
      for (const type of [
        'application/json',
        'application/x-www-form-urlencoded',
        'text/plain',
        'nonsense',
      ]) {
        const person = await registerAndLogIn(gatehouse);
        const headers = { ...bearer(person.accessToken), 'content-type': type };
        t.equal((await post(url, '', headers)).status, 204, type);
        t.equal((await storedSessions(gatehouse, person.userId)).length, 0, type);
      }
    },
  );
});
