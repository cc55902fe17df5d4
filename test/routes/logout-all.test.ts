import t from 'tap';
import { startApp } from '../support/app.ts';
import { bearer, logIn, registerAndLogIn } from '../support/people.ts';
import { refused, refusedFields } from '../support/refused.ts';
import { sessionIdOf, storedSessions } from '../support/sessions.ts';

const others = '/api/v1/auth/logout-others';
const all = '/api/v1/auth/logout-all';

t.test('ending many sessions', async (t) => {
  const gatehouse = await startApp(t);
  const { post, get, database } = gatehouse;
  const bystander = await registerAndLogIn(gatehouse);

  /** Someone with three sessions, the second of which is the one that asks. */
  async function someone() {
    const first = await registerAndLogIn(gatehouse);
    const asking = await logIn(gatehouse, first);
    const last = await logIn(gatehouse, first);
    return { userId: first.userId, asking, rest: [first, last] };
  }

  t.test('the others: this session goes on, and only this one', async (t) => {
    const { userId, asking, rest } = await someone();
    t.equal((await post(others, undefined, bearer(asking.accessToken))).status, 204);
    t.strictSame(await storedSessions(gatehouse, userId), [
      { id: sessionIdOf(asking.accessToken), generation: 1 },
    ]);
    for (const { accessToken } of rest)
      refused(t, await get('/api/v1/me', bearer(accessToken)), 'SESSION_ENDED');
    t.equal((await post(others, undefined, bearer(asking.accessToken))).status, 204, 'and may be repeated');
    t.equal((await get('/api/v1/me', bearer(asking.accessToken))).status, 200);
  });

  t.test('all: this one too', async (t) => {
    const { userId, asking } = await someone();
    t.equal((await post(all, undefined, bearer(asking.accessToken))).status, 204);
    t.strictSame(await storedSessions(gatehouse, userId), []);
    const again = await post(all, undefined, bearer(asking.accessToken));
    refused(t, again, 'SESSION_ENDED');
    t.equal(again.headers['www-authenticate'], 'Bearer realm="gatehouse", error="invalid_token"');
  });

  for (const url of [others, all]) {
    t.test(`${url} is refused to a session that has ended, expired or been left idle`, async (t) => {
      for (const end of [
        'DELETE FROM refreshaccesstokens WHERE tokenid = $1',
        'UPDATE refreshaccesstokens SET expires_at = now() WHERE tokenid = $1',
        "UPDATE refreshaccesstokens SET rotated_at = now() - interval '14 days' WHERE tokenid = $1",
      ]) {
        const { userId, asking } = await someone();
        await database.client.query(end, [sessionIdOf(asking.accessToken)]);
        const before = await storedSessions(gatehouse, userId);
        refused(t, await post(url, undefined, bearer(asking.accessToken)), 'SESSION_ENDED');
        t.strictSame(await storedSessions(gatehouse, userId), before, 'nothing has ended');
      }
    });

    t.test(`${url} takes no body`, async (t) => {
      const { userId, asking } = await someone();
      const send = (body: unknown) => post(url, body, bearer(asking.accessToken));
      const extra = await send({ session_id: 1, refresh_token: 'x' });
      refused(t, extra, 'VALIDATION_ERROR');
      t.strictSame(refusedFields(extra), ['refresh_token', 'session_id']);
      for (const body of ['null', '[]', '1', '"x"']) {
        const answer = await send(body);
        refused(t, answer, 'VALIDATION_ERROR');
        t.strictSame(refusedFields(answer), ['body']);
      }
      refused(t, await send('{'), 'MALFORMED_JSON');
      refused(t, await send(' '.repeat(16 * 1024 + 1)), 'BODY_TOO_LARGE');
      const text = { ...bearer(asking.accessToken), 'content-type': 'text/plain' };
      refused(t, await post(url, 'x', text), 'UNSUPPORTED_MEDIA_TYPE');
      t.equal((await storedSessions(gatehouse, userId)).length, 3, 'nothing has ended');
      const form = { 'content-type': 'application/x-www-form-urlencoded' };
      for (const [nothing, type] of [[{}], [''], ['', form]] as const) {
        const { accessToken } = await logIn(gatehouse, await registerAndLogIn(gatehouse));
        const headers = { ...bearer(accessToken), ...type };
        t.equal((await post(url, nothing, headers)).status, 204, JSON.stringify([nothing, type]));
      }
    });

    t.test(`${url} wants an access token`, async (t) => {
      const { userId, asking } = await someone();
      refused(t, await post(url, undefined), 'AUTHENTICATION_REQUIRED');
      refused(t, await post(url, { refresh_token: asking.refreshToken }), 'AUTHENTICATION_REQUIRED');
      t.equal((await storedSessions(gatehouse, userId)).length, 3);
    });
  }

  t.test('nobody else has lost a session', async (t) => {
    t.equal((await storedSessions(gatehouse, bystander.userId)).length, 1);
  });
});
