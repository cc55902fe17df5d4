import t, { type Test } from 'tap';
import type { Answer } from '../../support/app.ts';
import { signedAnew, startForClients, worthlessTokens } from '../../support/clients.ts';
import { claimsOf, forge } from '../../support/forged-tokens.ts';
import { logIn, registerAndLogIn } from '../../support/people.ts';
import { sentNames } from '../../support/pooler.ts';
import { refused } from '../../support/refused.ts';

const url = '/api/v1/auth/refresh-token';
const asRefreshToken = 'refresh_token';
/** What says nothing about refresh tokens. */
const otherHints = [undefined, 'access_token', 'REFRESH_TOKEN', 'refresh-token', 'pat', 'a\0b', '🙂'];
const allHints = [...otherHints, asRefreshToken];

t.test('POST /oauth/introspect', async (t) => {
  const gatehouse = await startForClients(t);
  const { introspect, post, statementsOf, config } = gatehouse;
  const { client } = gatehouse.database;
  const sessionsOf = async (userId: number) =>
    (await client.query('SELECT * FROM refreshaccesstokens WHERE user_id = $1', [userId])).rows;

  function isInactive(t: Test, { status, body, headers }: Answer, message: string): void {
    t.equal(status, 200, message);
    t.strictSame(body, { active: false }, message);
    t.equal(headers['cache-control'], 'no-store');
  }

  t.test('tells of an access token what it says, in one statement', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const [session] = await sessionsOf(person.userId);
    const { jti, iat, exp } = claimsOf(person.accessToken);
    for (const hint of allHints) {
      const statements = await statementsOf(async () => {
        const { status, body, headers } = await introspect(person.accessToken, hint);
        t.equal(status, 200);
        t.equal(headers['cache-control'], 'no-store');
        t.match(headers['content-type'], /^application\/json/);
        t.strictSame(body, {
          active: true,
          token_type: 'Bearer',
          sub: String(person.userId),
          sid: session.tokenid,
          iss: config.TOKEN_ISSUER,
          aud: config.TOKEN_AUDIENCE,
          jti,
          iat,
          exp,
        });
      });
      t.strictSame(statements, sentNames('find_live_session'), `hint ${hint}`);
    }
    t.strictSame(await sessionsOf(person.userId), [session], 'and changes nothing');
  });

  t.test('tells of a refresh token to those who ask for one, and to nobody else', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const [session] = await sessionsOf(person.userId);
    const { iat, exp } = claimsOf(person.refreshToken);
    const statements = await statementsOf(async () => {
      t.strictSame((await introspect(person.refreshToken, asRefreshToken)).body, {
        active: true,
        sub: String(person.userId),
        sid: session.tokenid,
        iss: config.TOKEN_ISSUER,
        iat,
        exp,
      });
    });
    t.strictSame(statements, sentNames('find_refreshable_session'));
    for (const hint of otherHints) {
      const none = await statementsOf(async () =>
        isInactive(t, await introspect(person.refreshToken, hint), `hint ${hint}`),
      );
      t.strictSame(none, []);
    }
    t.strictSame(await sessionsOf(person.userId), [session], 'and changes nothing');
    t.equal((await post(url, { refresh_token: person.refreshToken })).status, 200);
  });

  t.test('a refresh token is active as long as a refresh with it would succeed', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const first = person.refreshToken;
    const refresh = async (token: string) =>
      String((await post(url, { refresh_token: token })).body['refresh_token']);
    const isActive = async (token: string) => (await introspect(token, asRefreshToken)).body['active'];

    const second = await refresh(first);
    t.equal(await isActive(second), true, 'the current one');
    t.equal(await isActive(first), true, 'the one before, within the grace');
    t.equal(
      (await introspect(first, asRefreshToken)).body['iat'],
      claimsOf(first)['iat'],
      'as it says itself',
    );

    await client.query(
      "UPDATE refreshaccesstokens SET rotated_at = rotated_at - interval '11 seconds' WHERE user_id = $1",
      [person.userId],
    );
    isInactive(t, await introspect(first, asRefreshToken), 'the one before, after the grace');
    t.equal(await isActive(second), true, 'of which the session does not end');

    const third = await refresh(second);
    isInactive(t, await introspect(first, asRefreshToken), 'two generations back');
    t.equal(await isActive(second), true);
    t.equal(await isActive(third), true);
    const [session] = await sessionsOf(person.userId);
    t.equal(session.generation, 3);
  });

  t.test(
    'tokens as good as our own are active: it is not for their making that others are not',
    async (t) => {
      const { accessToken, refreshToken } = signedAnew(await registerAndLogIn(gatehouse));
      t.equal((await introspect(accessToken)).body['active'], true);
      t.equal((await introspect(refreshToken, asRefreshToken)).body['active'], true);
    },
  );

  t.test('what is none of our tokens is inactive, and the database is not asked', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    for (const [name, token] of Object.entries(worthlessTokens(person))) {
      for (const hint of [undefined, 'access_token', asRefreshToken]) {
        const statements = await statementsOf(async () =>
          isInactive(t, await introspect(token, hint), `${name}, hint ${hint}`),
        );
        t.strictSame(statements, [], name);
      }
    }
    t.equal((await introspect(person.accessToken)).body['active'], true);
  });

  const ends: Record<string, string> = {
    'that was ended': 'DELETE FROM refreshaccesstokens WHERE user_id = $1',
    'that has expired': 'UPDATE refreshaccesstokens SET expires_at = now() WHERE user_id = $1',
    'that was idle for too long':
      "UPDATE refreshaccesstokens SET rotated_at = now() - idle_seconds * interval '1 second' WHERE user_id = $1",
    'of a user who was deleted': 'DELETE FROM users WHERE user_id = $1',
  };
  for (const [name, sql] of Object.entries(ends)) {
    t.test(`the tokens of a session ${name} are inactive at once`, async (t) => {
      const person = await registerAndLogIn(gatehouse);
      const bystander = await registerAndLogIn(gatehouse);
      await client.query(sql, [person.userId]);
      const statements = await statementsOf(async () => {
        isInactive(t, await introspect(person.accessToken), 'the access token');
        isInactive(t, await introspect(person.accessToken, asRefreshToken), 'whatever the hint');
        isInactive(t, await introspect(person.refreshToken, asRefreshToken), 'the refresh token');
      });
      t.strictSame(
        statements,
        sentNames('find_live_session', 'find_live_session', 'find_refreshable_session'),
      );
      t.equal((await introspect(bystander.accessToken)).body['active'], true);
    });
  }

  t.test('the other sessions of the user are not touched by the end of one', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const elsewhere = await logIn(gatehouse, person);
    await client.query('DELETE FROM refreshaccesstokens WHERE tokenid = $1', [
      claimsOf(person.accessToken)['sid'],
    ]);
    isInactive(t, await introspect(person.accessToken), 'the one');
    t.equal((await introspect(elsewhere.accessToken)).body['active'], true);
  });

  t.test('a token with the session of someone else is inactive', async (t) => {
    const [ada, eve] = [await registerAndLogIn(gatehouse), await registerAndLogIn(gatehouse)];
    const { sid } = claimsOf(eve.accessToken);
    isInactive(t, await introspect(forge({ userId: ada.userId, sessionId: Number(sid) })), 'mixed');
  });
});

t.test('without a grace, the refresh token before the current one is inactive', async (t) => {
  const gatehouse = await startForClients(t, { env: { REFRESH_GRACE_SECONDS: '0' } });
  const { refreshToken } = await registerAndLogIn(gatehouse);
  const next = await gatehouse.post(url, { refresh_token: refreshToken });
  t.strictSame((await gatehouse.introspect(refreshToken, asRefreshToken)).body, { active: false });
  t.equal(
    (await gatehouse.introspect(String(next.body['refresh_token']), asRefreshToken)).body['active'],
    true,
  );
});

t.test('the database cannot be asked', async (t) => {
  const gatehouse = await startForClients(t);
  const { introspect, proxy } = gatehouse;
  const { accessToken, refreshToken } = await registerAndLogIn(gatehouse);
  await proxy.refuse();
  for (const [token, hint] of [
    [accessToken, undefined],
    [refreshToken, asRefreshToken],
  ] as const) {
    const answer = await introspect(token, hint);
    refused(t, answer, 'DATABASE_UNAVAILABLE');
    t.equal(answer.headers['retry-after'], '1');
  }
  t.strictSame((await introspect('garbage')).body, { active: false }, 'what needs no database is answered');
  await proxy.accept();
  t.equal((await introspect(accessToken)).body['active'], true);
});
