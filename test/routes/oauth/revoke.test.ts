import t, { type Test } from 'tap';
import type { Answer } from '../../support/app.ts';
import { startForClients, worthlessTokens } from '../../support/clients.ts';
import { forge } from '../../support/forged-tokens.ts';
import { bearer, type LoggedInPerson, logIn, registerAndLogIn } from '../../support/people.ts';
import { sentNames } from '../../support/pooler.ts';
import { refused } from '../../support/refused.ts';

const hints = [undefined, 'access_token', 'refresh_token', 'something_else'];

function isDone(t: Test, { status, headers, body }: Answer, message = ''): void {
  t.equal(status, 200, message);
  t.strictSame(body, {});
  t.equal(headers['content-length'], '0', 'RFC 7009 §2.2: nothing in the body');
  t.equal(headers['cache-control'], 'no-store');
}

t.test('POST /oauth/revoke', async (t) => {
  const gatehouse = await startForClients(t);
  const { revoke, introspect, post, get, statementsOf } = gatehouse;
  const { client } = gatehouse.database;
  const sessionsOf = async (userId: number) =>
    (await client.query('SELECT * FROM refreshaccesstokens WHERE user_id = $1', [userId])).rows;
  const refresh = (token: string) => post('/api/v1/auth/refresh-token', { refresh_token: token });

  /** Asserts that the token ends its session and no other, in one statement. */
  async function endsTheSession(
    t: Test,
    hint: string | undefined,
    statement: string,
    choose: (person: LoggedInPerson) => string | Promise<string>,
  ): Promise<void> {
    const person = await registerAndLogIn(gatehouse);
    const elsewhere = await logIn(gatehouse, person);
    const bystander = await registerAndLogIn(gatehouse);
    const token = await choose(person);
    const statements = await statementsOf(async () => isDone(t, await revoke(token, hint)));
    t.strictSame(statements, sentNames(statement), `hint ${hint}`);

    t.equal((await get('/api/v1/me', bearer(person.accessToken))).body['error_code'], 'SESSION_ENDED');
    t.equal((await refresh(person.refreshToken)).body['error_code'], 'SESSION_ENDED');
    t.strictSame((await introspect(person.accessToken)).body, { active: false });
    t.strictSame((await introspect(person.refreshToken, 'refresh_token')).body, { active: false });
    t.equal((await sessionsOf(person.userId)).length, 1, 'the other session lives');
    t.equal((await get('/api/v1/me', bearer(elsewhere.accessToken))).status, 200);
    t.equal((await get('/api/v1/me', bearer(bystander.accessToken))).status, 200);

    isDone(t, await revoke(token, hint), 'once more');
    t.equal((await sessionsOf(person.userId)).length, 1);
  }

  for (const hint of hints) {
    t.test(`of an access token, with the hint ${hint}`, (t) =>
      endsTheSession(t, hint, 'delete_session', ({ accessToken }) => accessToken),
    );
    t.test(`of the current refresh token, with the hint ${hint}`, (t) =>
      endsTheSession(t, hint, 'delete_session_by_handle', async ({ refreshToken }) =>
        String((await refresh(refreshToken)).body['refresh_token']),
      ),
    );
    t.test(`of a refresh token two generations back, with the hint ${hint}`, (t) =>
      endsTheSession(t, hint, 'delete_session_by_handle', async ({ refreshToken }) => {
        await refresh(String((await refresh(refreshToken)).body['refresh_token']));
        return refreshToken;
      }),
    );
  }

  t.test('of what is none of our tokens does nothing, and does not ask the database', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const before = await sessionsOf(person.userId);
    for (const [name, token] of Object.entries(worthlessTokens(person))) {
      for (const hint of hints) {
        const statements = await statementsOf(async () => isDone(t, await revoke(token, hint), name));
        t.strictSame(statements, [], name);
      }
    }
    t.strictSame(await sessionsOf(person.userId), before);
  });

  t.test('of a token with the session of someone else does nothing', async (t) => {
    const [ada, eve] = [await registerAndLogIn(gatehouse), await registerAndLogIn(gatehouse)];
    const [session] = await sessionsOf(eve.userId);
    isDone(t, await revoke(forge({ userId: ada.userId, sessionId: Number(session.tokenid) })));
    t.strictSame(await sessionsOf(eve.userId), [session]);
  });

  t.test('of one token, many at once, is done once and answered alike', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const answers = await Promise.all(
      Array.from({ length: 16 }, (_, i) => revoke(i % 2 ? person.accessToken : person.refreshToken)),
    );
    for (const answer of answers) isDone(t, answer);
    t.strictSame(await sessionsOf(person.userId), []);
  });

  t.test('beats a refresh that is under way: no token of the session is left', async (t) => {
    for (let round = 0; round < 20; round++) {
      const person = await registerAndLogIn(gatehouse);
      const [refreshed, revoked] = await Promise.all([
        refresh(person.refreshToken),
        revoke(person.refreshToken),
      ]);
      isDone(t, revoked);
      t.strictSame(await sessionsOf(person.userId), []);
      if (refreshed.status !== 200) refused(t, refreshed, 'SESSION_ENDED');
      else {
        const { body } = await refresh(String(refreshed.body['refresh_token']));
        t.equal(body['error_code'], 'SESSION_ENDED');
      }
    }
  });
});

t.test('a database that cannot be asked gives no false 200 (RFC 7009 §2.2.1)', async (t) => {
  const gatehouse = await startForClients(t);
  const { revoke, get, proxy } = gatehouse;
  const person = await registerAndLogIn(gatehouse);
  await proxy.refuse();
  for (const token of [person.accessToken, person.refreshToken]) {
    const answer = await revoke(token);
    refused(t, answer, 'DATABASE_UNAVAILABLE');
    t.equal(answer.headers['retry-after'], '1');
  }
  isDone(t, await revoke('garbage'), 'what needs no database is answered');
  await proxy.accept();
  t.equal((await get('/api/v1/me', bearer(person.accessToken))).status, 200, 'the session lives');
  isDone(t, await revoke(person.accessToken));
  t.equal((await get('/api/v1/me', bearer(person.accessToken))).status, 401);
});
