import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { startApp } from '../support/app.ts';
import { createDatabase } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { bearer, logIn, newPerson, registerAndLogIn } from '../support/people.ts';

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
    t.equal(bound.length, proxy.countStatements('gatehouse'), 'every statement is prepared and has a name');
    return bound;
  };

  const person = newPerson();
  const registration = { ...person };
  t.strictSame(await statementsOf(() => post('/api/v1/register-user', registration)), ['insert_user']);
  t.strictSame(
    await statementsOf(async () => {
      t.equal((await post('/api/v1/register-user', registration)).status, 409);
    }),
    ['insert_user'],
    'a taken email costs no more',
  );

  let tokens = { accessToken: '', refreshToken: '' };
  t.strictSame(
    await statementsOf(async () => {
      tokens = await logIn(gatehouse, person);
    }),
    ['select_credentials', 'insert_session'],
  );
  t.strictSame(
    await statementsOf(() =>
      post('/api/v1/auth/login', { email: 'nobody@example.com', password: 'wrong one' }),
    ),
    ['select_credentials'],
  );

  t.strictSame(await statementsOf(() => get('/api/v1/me', bearer(tokens.accessToken))), [
    'select_user_by_session',
  ]);
  const refreshToken = tokens.refreshToken;
  const refresh = () => post('/api/v1/auth/refresh-token', { refresh_token: refreshToken });
  let successor = '';
  t.strictSame(
    await statementsOf(async () => {
      successor = String((await refresh()).body['refresh_token']);
    }),
    ['rotate_session'],
  );
  t.strictSame(await statementsOf(refresh), ['rotate_session'], 'repeated within the grace');
  await post('/api/v1/auth/refresh-token', { refresh_token: successor });
  t.strictSame(
    await statementsOf(async () => {
      t.equal((await refresh()).body['error_code'], 'REFRESH_TOKEN_REUSED');
    }),
    ['rotate_session', 'delete_reused_session'],
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

  await t.test('a connection prepares each statement once', async (t) => {
    const { accessToken } = await registerAndLogIn(gatehouse);
    await get('/api/v1/me', bearer(accessToken));
    proxy.messages.length = 0;
    await get('/api/v1/me', bearer(accessToken));
    t.strictSame(
      proxy.messages.filter(({ type }) => type === 'Parse'),
      [],
    );
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
  t.ok(names.length >= 7, 'they are found');
  t.equal(new Set(names).size, names.length);
});
