import bcrypt from 'bcryptjs';
import t from 'tap';
import { startApp } from '../support/app.ts';
import { bearer, newPerson, registerAndLogIn } from '../support/people.ts';

function claimsOf(token: unknown): { header: Record<string, unknown>; payload: Record<string, unknown> } {
  const [header = '', payload = ''] = String(token).split('.');
  const parse = (part: string) => JSON.parse(Buffer.from(part, 'base64url').toString());
  return { header: parse(header), payload: parse(payload) };
}

t.test('logging in', async (t) => {
  const gatehouse = await startApp(t);
  const { post, get, database, config } = gatehouse;
  const sessionsOf = async (userId: number) =>
    (
      await database.client.query('SELECT * FROM refreshaccesstokens WHERE user_id = $1 ORDER BY tokenid', [
        userId,
      ])
    ).rows;

  for (const url of ['/auth/user/verify', '/api/v1/auth/login']) {
    t.test(`POST ${url}`, async (t) => {
      const person = await registerAndLogIn(gatehouse);
      await database.client.query('DELETE FROM refreshaccesstokens');

      t.test('opens one session and answers with its tokens', async (t) => {
        const { email, password } = person;
        const { status, body, headers } = await post(
          url,
          { email, password },
          { 'user-agent': 'Difference/1' },
        );
        t.equal(status, 200);
        t.equal(headers['cache-control'], 'no-store');
        t.match(body, { token_type: 'Bearer', expires_in: 900, refresh_expires_in: 14 * 86_400 });
        const [session, ...others] = await sessionsOf(person.userId);
        t.strictSame(others, []);
        t.match(session, { type: 'Bearer', generation: 1, user_agent: 'Difference/1', ip: '127.0.0.1' });

        const access = claimsOf(body['access_token']);
        t.match(access.header, { alg: 'HS256', typ: 'at+jwt' });
        t.match(access.payload, {
          iss: config.TOKEN_ISSUER,
          aud: config.TOKEN_AUDIENCE,
          sub: String(person.userId),
          sid: String(session.tokenid),
          jti: /^[\w-]{36}$/,
        });
        t.equal(Number(access.payload['exp']) - Number(access.payload['iat']), 900);
        const refresh = claimsOf(body['refresh_token']);
        t.match(refresh.header, { alg: 'HS256', typ: 'rt+jwt' });
        t.strictSame(Object.keys(refresh.payload).sort(), ['exp', 'generation', 'handle', 'iat']);
        t.notOk(
          session.tokens.toString('base64url') === refresh.payload['handle'],
          'the handle itself is not stored',
        );

        t.equal((await get('/api/v1/me', bearer(String(body['access_token'])))).status, 200);
      });

      t.test('takes the email in any case', async (t) => {
        const { email, password } = person;
        t.equal((await post(url, { email: email.toUpperCase(), password })).status, 200);
      });

      t.test('refuses a wrong password and an unknown email alike, and opens nothing', async (t) => {
        const before = await sessionsOf(person.userId);
        const wrong = await post(url, { email: person.email, password: 'not the password' });
        const unknown = await post(url, { email: newPerson().email, password: person.password });
        for (const { status, body, headers } of [wrong, unknown]) {
          t.equal(status, 401);
          t.strictSame(body, { detail: 'Incorrect email or password', error_code: 'INVALID_CREDENTIALS' });
          t.equal(headers['www-authenticate'], 'Bearer realm="gatehouse"');
        }
        t.equal((await sessionsOf(person.userId)).length, before.length);
      });
    });
  }

  t.test('a password is compared whole, beyond the 72 bytes of bcrypt', async (t) => {
    for (const length of [71, 72, 73, 128]) {
      const password = 'é'.repeat(10) + 'x'.repeat(length - 10);
      const person = await registerAndLogIn(gatehouse, { password });
      const attempt = async (given: string) =>
        (await post('/api/v1/auth/login', { email: person.email, password: given })).status;
      t.equal(await attempt(password), 200, `${length} characters`);
      t.equal(await attempt(`${password}y`), 401, 'one more');
      t.equal(await attempt(password.slice(0, -1)), 401, 'one fewer');
      t.equal(await attempt(`${password.slice(0, -1)}y`), 401, 'another last one');
    }
  });

  t.test('the same password typed on another keyboard matches', async (t) => {
    const person = await registerAndLogIn(gatehouse, { password: 'grüezi mitenand' });
    for (const password of ['gru\u0308ezi mitenand', 'grüezi\u00a0mitenand']) {
      t.equal((await post('/api/v1/auth/login', { email: person.email, password })).status, 200);
    }
  });

  t.test('the tokens of a login speak for that user alone', async (t) => {
    const ada = await registerAndLogIn(gatehouse);
    const eve = await registerAndLogIn(gatehouse);
    const { body } = await get('/api/v1/me', bearer(eve.accessToken));
    t.equal(body['user_id'], eve.userId);
    t.not(body['user_id'], ada.userId);
  });
});

t.test('hashes of older programs', async (t) => {
  const gatehouse = await startApp(t);
  const { post, database } = gatehouse;
  const storedHash = async (email: string) =>
    (await database.client.query('SELECT password FROM users WHERE email = $1', [email])).rows[0].password;
  const insert = async (hash: string) => {
    const { email } = newPerson();
    await database.client.query(
      "INSERT INTO users (name, email, location, password) VALUES ('', $1, '', $2)",
      [email, hash],
    );
    return email;
  };

  t.test('are rewritten after a successful login, and only then', async (t) => {
    const old = bcrypt.hashSync('analytical engine', 5);
    const email = await insert(old);
    t.equal((await post('/api/v1/auth/login', { email, password: 'a wrong password' })).status, 401);
    t.equal(await storedHash(email), old);
    t.equal((await post('/api/v1/auth/login', { email, password: 'analytical engine' })).status, 200);
    const rewritten = await storedHash(email);
    t.match(rewritten, /^\$2b\$04\$/);
    t.equal((await post('/api/v1/auth/login', { email, password: 'analytical engine' })).status, 200);
    t.equal(await storedHash(email), rewritten, 'the new form stays');
  });

  t.test('a truncated one is rewritten without the truncation', async (t) => {
    const password = 'x'.repeat(100);
    const email = await insert(bcrypt.hashSync(password.slice(0, 72), 4));
    t.equal((await post('/api/v1/auth/login', { email, password })).status, 200);
    t.match(await storedHash(email), /^\$bcrypt-sha256\$v=2,t=2b,r=4\$/);
    t.equal((await post('/api/v1/auth/login', { email, password })).status, 200);
    t.equal((await post('/api/v1/auth/login', { email, password: `${password}y` })).status, 401);
  });

  t.test('many logins at once all succeed while one of them rewrites the hash', async (t) => {
    const email = await insert(bcrypt.hashSync('analytical engine', 6));
    const answers = await Promise.all(
      Array.from({ length: 24 }, () => post('/api/v1/auth/login', { email, password: 'analytical engine' })),
    );
    t.strictSame([...new Set(answers.map(({ status }) => status))], [200]);
    t.match(await storedHash(email), /^\$2b\$04\$/);
  });

  t.test('what is no hash at all lets nobody in', async (t) => {
    for (const hash of ['', '!', '$2b$12$tooshort', '$argon2id$v=19$m=1,t=1,p=1$YWJj$YWJj']) {
      const email = await insert(hash);
      const { status, body } = await post('/api/v1/auth/login', { email, password: 'analytical engine' });
      t.equal(status, 401);
      t.equal(body['error_code'], 'INVALID_CREDENTIALS');
    }
  });
});
