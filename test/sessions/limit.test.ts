import t from 'tap';
import { startApp } from '../support/app.ts';
import { bearer, logIn, registerAndLogIn } from '../support/people.ts';
import { refused } from '../support/refused.ts';
import { sessionIdOf, storedSessions } from '../support/sessions.ts';

t.test('at most SESSIONS_PER_USER_MAX sessions', async (t) => {
  const env = { SESSIONS_PER_USER_MAX: '3' };
  const gatehouse = await startApp(t, { env });
  const { post, get, database } = gatehouse;
  const idsOf = async (userId: number) => (await storedSessions(gatehouse, userId)).map(({ id }) => id);

  t.test('the oldest ends when one more opens', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const opened = [person, await logIn(gatehouse, person), await logIn(gatehouse, person)];
    const ids = opened.map(({ accessToken }) => sessionIdOf(accessToken));
    t.strictSame(await idsOf(person.userId), ids);
    // To have been used lately does not help
    await post('/api/v1/auth/refresh-token', { refresh_token: person.refreshToken });

    const fourth = await logIn(gatehouse, person);
    t.strictSame(await idsOf(person.userId), [...ids.slice(1), sessionIdOf(fourth.accessToken)]);
    refused(t, await get('/api/v1/me', bearer(person.accessToken)), 'SESSION_ENDED');
    t.equal((await get('/api/v1/me', bearer(opened[1]?.accessToken ?? ''))).status, 200);
  });

  t.test('dead ones take no place, and go with the next login', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const idle = await logIn(gatehouse, person);
    const expired = await logIn(gatehouse, person);
    const age = (what: string, { accessToken }: { accessToken: string }) =>
      database.client.query(`UPDATE refreshaccesstokens SET ${what} WHERE tokenid = $1`, [
        sessionIdOf(accessToken),
      ]);
    await age("rotated_at = now() - interval '14 days'", idle);
    await age('expires_at = now()', expired);
    const fourth = await logIn(gatehouse, person);
    const alive = [person, fourth].map(({ accessToken }) => sessionIdOf(accessToken));
    t.strictSame(await idsOf(person.userId), alive, 'the oldest is alive, and stays');
  });

  t.test('a refused login ends nothing', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    for (const _ of [1, 2]) await logIn(gatehouse, person);
    const before = await idsOf(person.userId);
    const { email } = person;
    refused(
      t,
      await post('/api/v1/auth/login', { email, password: 'not the password' }),
      'INVALID_CREDENTIALS',
    );
    t.strictSame(await idsOf(person.userId), before);
  });

  t.test('holds for 64 logins at once on two replicas, beside those of others', async (t) => {
    const replica = await startApp(t, { env, database, hasher: gatehouse.hasher });
    const person = await registerAndLogIn(gatehouse);
    const bystander = await registerAndLogIn(gatehouse);
    // The most that was ever committed at a time: checked by the database itself as each one commits
    await database.client.query(`
      CREATE TABLE most (sessions int);
      CREATE FUNCTION count_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
          INSERT INTO most SELECT count(*) FROM refreshaccesstokens WHERE user_id = NEW.user_id;
          RETURN NULL;
        END
      $$;
      CREATE CONSTRAINT TRIGGER count_sessions AFTER INSERT ON refreshaccesstokens
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION count_sessions()`);
    const logins = await Promise.all(
      Array.from({ length: 64 }, (_, index) => logIn(index % 2 ? replica : gatehouse, person)),
    );
    const { rows } = await database.client.query('SELECT max(sessions), count(*)::int AS times FROM most');
    t.strictSame(rows, [{ max: 3, times: 64 }]);

    const ids = logins.map(({ accessToken }) => sessionIdOf(accessToken)).sort((a, b) => a - b);
    t.strictSame(await idsOf(person.userId), ids.slice(-3), 'the newest three');
    t.equal((await get('/api/v1/me', bearer(bystander.accessToken))).status, 200);
  });
});

t.test('with a limit of one, each login ends the session before', async (t) => {
  const gatehouse = await startApp(t, { env: { SESSIONS_PER_USER_MAX: '1' } });
  const person = await registerAndLogIn(gatehouse);
  const next = await logIn(gatehouse, person);
  refused(t, await gatehouse.get('/api/v1/me', bearer(person.accessToken)), 'SESSION_ENDED');
  t.equal((await gatehouse.get('/api/v1/me', bearer(next.accessToken))).status, 200);
});
