import { createHash } from 'node:crypto';
import t from 'tap';
import { secrets, startApp, type TestApp } from '../support/app.ts';
import { createDatabase } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { forgedRefreshTokens, resigned } from '../support/forged-tokens.ts';
import { bearer, logIn, registerAndLogIn } from '../support/people.ts';
import { refused } from '../support/refused.ts';

const url = '/api/v1/auth/refresh-token';

/** Makes a session look as if its last refresh had been this long ago. */
function age(gatehouse: TestApp, userId: number, interval: string) {
  return gatehouse.database.client.query(
    'UPDATE refreshaccesstokens SET rotated_at = rotated_at - $2::interval WHERE user_id = $1',
    [userId, interval],
  );
}

t.test('refreshing', async (t) => {
  const database = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, database.url);
  const gatehouse = await startApp(t, { database: { ...database, url: proxy.url } });
  const { post, get, logLines } = gatehouse;
  const sessionsOf = async (userId: number) =>
    (await database.client.query('SELECT * FROM refreshaccesstokens WHERE user_id = $1', [userId])).rows;
  const refresh = (token: unknown) => post(url, { refresh_token: token });

  t.test('gives the next tokens of the same session, in the same row', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const [before] = await sessionsOf(person.userId);
    const { status, body, headers } = await refresh(person.refreshToken);
    t.equal(status, 200);
    t.equal(headers['cache-control'], 'no-store');
    t.match(body, { token_type: 'Bearer', expires_in: 900, refresh_expires_in: 14 * 86_400 });
    t.not(body['refresh_token'], person.refreshToken);
    const [after, ...others] = await sessionsOf(person.userId);
    t.strictSame(others, []);
    t.equal(after.tokenid, before.tokenid);
    t.equal(after.generation, 2);
    t.strictSame(after.expires_at, before.expires_at, 'a refresh never moves the end of the session');
    t.equal((await get('/api/v1/me', bearer(String(body['access_token'])))).status, 200);
    t.equal((await refresh(body['refresh_token'])).status, 200);
  });

  t.test('repeated at once gives the same refresh token again, which then works', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const first = await refresh(person.refreshToken);
    const again = await refresh(person.refreshToken);
    t.equal(again.status, 200);
    t.equal(again.body['refresh_token'], first.body['refresh_token']);
    const [session] = await sessionsOf(person.userId);
    t.equal(session.generation, 2, 'one rotation');
    t.equal((await refresh(again.body['refresh_token'])).status, 200);
  });

  t.test('of 64 at once on two replicas, one rotates and all get the same', async (t) => {
    const other = await startApp(t, { database, hasher: gatehouse.hasher });
    const person = await registerAndLogIn(gatehouse);
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, i) =>
        (i % 2 ? other : gatehouse).post(url, { refresh_token: person.refreshToken }),
      ),
    );
    t.strictSame([...new Set(answers.map(({ status }) => status))], [200]);
    t.equal(new Set(answers.map(({ body }) => body['refresh_token'])).size, 1);
    t.equal((await sessionsOf(person.userId))[0].generation, 2);
  });

  t.test('with a token from before the grace ends that session and only that', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const elsewhere = await logIn(gatehouse, person);
    const next = await refresh(person.refreshToken);
    await age(gatehouse, person.userId, '11 seconds');
    const { status, body } = await refresh(person.refreshToken);
    t.equal(status, 401);
    t.equal(body['error_code'], 'REFRESH_TOKEN_REUSED');
    t.equal((await sessionsOf(person.userId)).length, 1, 'the other session lives');
    t.match(
      logLines.filter(({ event }) => event === 'authn_token_reuse'),
      [{ level: 40, user_id: person.userId, presented_generation: 1, current_generation: 2 }],
    );

    t.equal((await refresh(next.body['refresh_token'])).body['error_code'], 'SESSION_ENDED');
    t.equal(
      (await get('/api/v1/me', bearer(String(next.body['access_token'])))).body['error_code'],
      'SESSION_ENDED',
    );
    t.equal((await refresh(elsewhere.refreshToken)).status, 200);
  });

  t.test('with a token two generations back ends the session, however soon', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const second = await refresh(person.refreshToken);
    await refresh(second.body['refresh_token']);
    t.equal((await refresh(person.refreshToken)).body['error_code'], 'REFRESH_TOKEN_REUSED');
    t.strictSame(await sessionsOf(person.userId), []);
  });

  t.test('ends with the idle limit and with the session, whichever comes first', async (t) => {
    const idle = await registerAndLogIn(gatehouse);
    await age(gatehouse, idle.userId, '14 days');
    t.equal((await refresh(idle.refreshToken)).body['error_code'], 'SESSION_ENDED');
    t.equal((await get('/api/v1/me', bearer(idle.accessToken))).body['error_code'], 'SESSION_ENDED');

    const old = await registerAndLogIn(gatehouse);
    await database.client.query(
      "UPDATE refreshaccesstokens SET expires_at = now() + interval '1 hour' WHERE user_id = $1",
      [old.userId],
    );
    const { body } = await refresh(old.refreshToken);
    t.ok(Number(body['refresh_expires_in']) <= 3600, 'no refresh token outlives its session');
    await database.client.query(
      "UPDATE refreshaccesstokens SET expires_at = now() + interval '60 seconds' WHERE user_id = $1",
      [old.userId],
    );
    const last = await refresh(body['refresh_token']);
    t.ok(Number(last.body['expires_in']) <= 60, 'nor does an access token');
    await database.client.query('UPDATE refreshaccesstokens SET expires_at = now() WHERE user_id = $1', [
      old.userId,
    ]);
    t.equal((await refresh(last.body['refresh_token'])).body['error_code'], 'SESSION_ENDED');
  });

  t.test('refuses what is no refresh token, without asking the database', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const before = proxy.countStatements('gatehouse');
    for (const [what, token] of Object.entries(forgedRefreshTokens(person))) {
      const answer = await refresh(token);
      refused(t, answer, 'REFRESH_TOKEN_INVALID');
      t.equal(answer.headers['www-authenticate'], 'Bearer realm="gatehouse"', what);
    }
    const expired = resigned(person.refreshToken, secrets.REFRESH_TOKEN_SECRET, { iat: 1, exp: 2 });
    refused(t, await refresh(expired), 'REFRESH_TOKEN_EXPIRED');
    refused(t, await refresh('x'.repeat(64 * 1024)), 'REFRESH_TOKEN_INVALID');
    t.equal(proxy.countStatements('gatehouse'), before);
    t.equal((await sessionsOf(person.userId))[0].generation, 1, 'none of them did anything');
    const control = resigned(person.refreshToken, secrets.REFRESH_TOKEN_SECRET, {});
    t.equal((await refresh(control)).status, 200);
  });

  t.test('what is stored is the hash of the handle', async (t) => {
    const person = await registerAndLogIn(gatehouse);
    const { handle } = JSON.parse(
      Buffer.from(person.refreshToken.split('.')[1] ?? '', 'base64url').toString(),
    );
    const [session] = await sessionsOf(person.userId);
    t.strictSame(session.tokens, createHash('sha256').update(handle).digest());
  });
});

t.test('without a grace, of 64 at once on two replicas exactly one succeeds', async (t) => {
  const env = { REFRESH_GRACE_SECONDS: '0' };
  const gatehouse = await startApp(t, { env });
  const other = await startApp(t, { env, database: gatehouse.database, hasher: gatehouse.hasher });
  const person = await registerAndLogIn(gatehouse);
  const answers = await Promise.all(
    Array.from({ length: 64 }, (_, i) =>
      (i % 2 ? other : gatehouse).post(url, { refresh_token: person.refreshToken }),
    ),
  );
  t.equal(answers.filter(({ status }) => status === 200).length, 1);
  const codes = answers.filter(({ status }) => status !== 200).map(({ body }) => body['error_code']);
  t.strictSame(new Set(codes), new Set(['REFRESH_TOKEN_REUSED', 'SESSION_ENDED']));
});

t.test('a database whose default is another isolation level changes nothing', async (t) => {
  const database = await createDatabase(t);
  const { rows } = await database.client.query<{ name: string }>('SELECT current_database() AS name');
  await database.client.query(
    `ALTER DATABASE ${rows[0]?.name} SET default_transaction_isolation = 'repeatable read'`,
  );
  const gatehouse = await startApp(t, { database });
  const person = await registerAndLogIn(gatehouse);
  const answers = await Promise.all(
    Array.from({ length: 64 }, () => gatehouse.post(url, { refresh_token: person.refreshToken })),
  );
  t.strictSame(new Set(answers.map(({ status }) => status)), new Set([200]));
  t.equal(new Set(answers.map(({ body }) => body['refresh_token'])).size, 1);
});
