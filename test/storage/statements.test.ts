import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { type Answer, startApp } from '../support/app.ts';
import { createDatabase } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { bearer, logIn, newPerson, registerAndLogIn } from '../support/people.ts';
import { isPooled, sentNames } from '../support/pooler.ts';
import { refused } from '../support/refused.ts';

t.test('what a request costs the database', async (t) => {
  const database = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, database.url);
  const gatehouse = await startApp(t, { database: { ...database, url: proxy.url } });
  const { post, get } = gatehouse;

  /** The statements that reached the server while `request` ran, by name. */
  const statementsOf = async (request: () => Promise<unknown>) => {
    proxy.messages.length = 0;
    await request();
    const bound = proxy.messages.filter(({ type }) => type === 'Bind').map(({ statement }) => statement);
    t.equal(bound.length, proxy.countStatements('gatehouse'), 'every statement has its values bound');
    return bound;
  };

  const person = newPerson();
  const registration = { ...person };
  t.strictSame(
    await statementsOf(() => post('/api/v1/register-user', registration)),
    sentNames('insert_user'),
  );
  t.strictSame(
    await statementsOf(async () => {
      t.equal((await post('/api/v1/register-user', registration)).status, 409);
    }),
    sentNames('insert_user'),
    'a taken email costs no more',
  );

  let tokens = { accessToken: '', refreshToken: '' };
  t.strictSame(
    await statementsOf(async () => {
      tokens = await logIn(gatehouse, person);
    }),
    sentNames('select_credentials', 'insert_session'),
  );
  t.strictSame(
    await statementsOf(() =>
      post('/api/v1/auth/login', { email: 'nobody@example.com', password: 'wrong one' }),
    ),
    sentNames('select_credentials'),
  );

  t.strictSame(
    await statementsOf(() => get('/api/v1/me', bearer(tokens.accessToken))),
    sentNames('select_user_by_session'),
  );
  const refreshToken = tokens.refreshToken;
  const refresh = () => post('/api/v1/auth/refresh-token', { refresh_token: refreshToken });
  let successor = '';
  t.strictSame(
    await statementsOf(async () => {
      successor = String((await refresh()).body['refresh_token']);
    }),
    sentNames('rotate_session'),
  );
  t.strictSame(await statementsOf(refresh), sentNames('rotate_session'), 'repeated within the grace');
  await post('/api/v1/auth/refresh-token', { refresh_token: successor });
  t.strictSame(
    await statementsOf(async () => {
      t.equal((await refresh()).body['error_code'], 'REFRESH_TOKEN_REUSED');
    }),
    sentNames('rotate_session', 'delete_reused_session'),
  );

  t.strictSame(
    await statementsOf(async () => {
      const refusals = {
        REFRESH_TOKEN_INVALID: `${refreshToken.slice(0, -9)}AAAAAAAAA`,
        REFRESH_TOKEN_EXPIRED: gatehouse.app.jwt.refresh.sign({
          handle: 'A'.repeat(43),
          generation: 1,
          iat: 1,
          exp: 2,
        }),
      };
      for (const [code, refresh_token] of Object.entries(refusals)) {
        const { body } = await post('/api/v1/auth/refresh-token', { refresh_token });
        t.equal(body['error_code'], code);
      }
      t.equal((await get('/api/v1/me', bearer('not.a.token'))).status, 401);
      t.equal((await get('/api/v1/me')).status, 401);
      t.equal((await post('/api/v1/register-user', {})).status, 422);
      t.equal((await get('/livez')).status, 200);
    }),
    [],
    'what is refused without the database costs it nothing',
  );

  await t.test('the sessions of a user', async (t) => {
    const sessions = '/api/v1/me/sessions';
    const person = await registerAndLogIn(gatehouse);
    const own = bearer(person.accessToken);
    const logout = (refreshToken: string) => post('/api/v1/auth/logout', { refresh_token: refreshToken });
    const costs = async (statement: string, status: number, request: () => Promise<Answer>) =>
      t.strictSame(
        await statementsOf(async () => t.equal((await request()).status, status)),
        sentNames(statement),
      );

    await costs('select_sessions', 200, () => get(sessions, own));
    const { refreshToken } = await logIn(gatehouse, person);
    await costs('delete_session_by_handle', 204, () => logout(refreshToken));
    await costs('delete_session_by_handle', 204, () => logout(refreshToken));
    const other = bearer((await logIn(gatehouse, person)).accessToken);
    await costs('delete_session', 204, () => post('/api/v1/auth/logout', undefined, other));
    await costs('delete_session', 204, () => post('/api/v1/auth/logout', undefined, other));
    await costs('select_sessions', 401, () => get(sessions, other));

    await costs('delete_session_of_caller', 404, () => gatehouse.delete(`${sessions}/1`, own));
    const { rows } = await database.client.query('SELECT max(tokenid) AS id FROM refreshaccesstokens');
    await costs('delete_session_of_caller', 204, () => gatehouse.delete(`${sessions}/${rows[0].id}`, own));
    for (const url of ['/api/v1/auth/logout-others', '/api/v1/auth/logout-all']) {
      const { accessToken } = await logIn(gatehouse, person);
      await costs('delete_sessions_of_caller', 204, () => post(url, undefined, bearer(accessToken)));
      await costs('delete_sessions_of_caller', 401, () => post(url, undefined, own));
    }

    t.strictSame(
      await statementsOf(async () => {
        refused(t, await logout(person.accessToken), 'REFRESH_TOKEN_INVALID');
        refused(t, await post('/api/v1/auth/logout', undefined), 'AUTHENTICATION_REQUIRED');
        refused(t, await gatehouse.delete(`${sessions}/x`, own), 'VALIDATION_ERROR');
      }),
      [],
    );
  });

  await t.test('a connection prepares each statement once', async (t) => {
    const { accessToken } = await registerAndLogIn(gatehouse);
    await get('/api/v1/me', bearer(accessToken));
    proxy.messages.length = 0;
    await get('/api/v1/me', bearer(accessToken));
    t.equal(proxy.messages.filter(({ type }) => type === 'Parse').length, isPooled ? 1 : 0);
  });

  await t.test('values are bound, never part of the SQL', async (t) => {
    proxy.messages.length = 0;
    await post('/api/v1/register-user', newPerson({ name: "Robert'); DROP TABLE users;--" }));
    t.notMatch(proxy.messages.map(({ sql }) => sql).join(), /Robert/);
  });
});

t.test('no two statements share a name', async (t) => {
  const folder = new URL('../../src/storage/', import.meta.url);
  const sources = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), 'utf8'));
  const names = sources.flatMap((source) =>
    [...source.matchAll(/^ +name: '(\w+)',$/gm)].map(([, name]) => name),
  );
  t.ok(names.length >= 12, 'they are found');
  t.equal(new Set(names).size, names.length);
});
