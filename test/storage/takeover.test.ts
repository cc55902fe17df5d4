import { hashSync } from 'bcryptjs';
import t from 'tap';
import { normaliseEmail } from '../../src/accounts/email.ts';
import { migrate } from '../../src/storage/migrate.ts';
import { startApp } from '../support/app.ts';
import { createDatabase } from '../support/database.ts';
import { addLegacyUsers, createLegacyTables } from '../support/legacy.ts';
import { bearer, newPerson } from '../support/people.ts';

const log = { info: () => {}, warn: () => {} };

t.test('users of the Python program', async (t) => {
  const database = await createDatabase(t, { empty: true });
  await createLegacyTables(database.client);
  const long =
    'a long pass phrase that goes on and on and on, well beyond the seventy-two bytes that bcrypt reads';
  const people = [
    // As passlib 1.7.4 hashed it
    {
      email: 'Passlib@Example.com',
      secret: 'grüezi mitenand 2024',
      hash: '$2b$12$vIsWRUgJYa1IbmxHhYWonOV.ERAb.Ydfbw3eVFRW9cQBwhDHFii.W',
    },
    // A lower cost, to save time; too short for a new password, and longer than the 72 bytes bcrypt reads
    { email: 'short@example.com', secret: 'abc', hash: hashSync('abc', 6) },
    { email: 'long@example.com', secret: long, hash: hashSync(long.slice(0, 72), 6) },
    // Emails that registration refuses today
    ...['admin', 'admin@localhost', ' Bob@Ex.com ', '"john doe"@ex.com', `${'x'.repeat(300)}@ex.com`].map(
      (email) => ({
        email,
        secret: 'pass word 1',
        hash: hashSync('pass word 1', 4),
      }),
    ),
    // Decomposed, as a Mac types it
    { email: 'U\u0308ni\u0308@Example.COM', secret: 'pass word 1', hash: hashSync('pass word 1', 6) },
  ];
  await addLegacyUsers(database.client, [{ email: 'gone@example.com', password: 'x' }]);
  await database.client.query('DELETE FROM refreshaccesstokens; DELETE FROM users');
  const ids = await addLegacyUsers(
    database.client,
    people.map(({ email, hash }) => ({ email, password: hash })),
  );
  t.strictSame(ids, [2, 3, 4, 5, 6, 7, 8, 9, 10]);
  await migrate(database.url, { log });

  const { rows: sessions } = await database.client.query('TABLE refreshaccesstokens');
  t.strictSame(sessions, [], 'their refresh tokens, which never expired, are gone');

  const gatehouse = await startApp(t, { database });
  for (const [index, { email, secret }] of people.entries()) {
    await t.test(`${email} logs in with the old password and keeps the id`, async (t) => {
      for (const round of ['first', 'rehashed']) {
        const { status, body } = await gatehouse.post('/api/v1/auth/login', { email, password: secret });
        t.equal(status, 200, round);
        const me = await gatehouse.get('/api/v1/me', bearer(String(body['access_token'])));
        t.equal(me.status, 200);
        t.match(me.body, { user_id: ids[index], email: normaliseEmail(email), name: 'Grace', about: null });
      }
      const wrong = await gatehouse.post('/api/v1/auth/login', { email, password: `${secret} ` });
      // bcrypt ignored what follows byte 72, until the first login stored a new hash
      t.equal(wrong.body['error_code'], 'INVALID_CREDENTIALS');
    });
  }

  await t.test('a new user gets the next id', async (t) => {
    const { body } = await gatehouse.post('/api/v1/register-user', newPerson());
    t.equal(body['user_id'], 11);
  });

  await t.test('an email of theirs is taken, in any case', async (t) => {
    const { status, body } = await gatehouse.post(
      '/api/v1/register-user',
      newPerson({ email: 'passlib@EXAMPLE.com' }),
    );
    t.equal(status, 409);
    t.equal(body['error_code'], 'EMAIL_ALREADY_EXISTS');
  });
});

t.test('new ids continue the sequence', async (t) => {
  const cases = [
    { name: 'of a table that was never used', prepare: '', next: 1 },
    { name: 'that was set but not used', prepare: "SELECT setval('users_user_id_seq', 70, false)", next: 70 },
    {
      name: 'that is ahead, as the latest users were deleted',
      prepare: 'DELETE FROM users',
      users: 3,
      next: 4,
    },
    {
      name: 'that is behind, as rows were copied in',
      prepare: "INSERT INTO users VALUES (500, 'A', 'a@b.co', '', NULL, 'x')",
      users: 3,
      next: 501,
    },
    {
      name: 'that has never run, as all rows were copied in',
      prepare: "INSERT INTO users VALUES (41, 'A', 'a@b.co', '', NULL, 'x')",
      next: 42,
    },
  ];
  for (const owned of [true, false]) {
    for (const { name, prepare, users = 0, next } of cases) {
      await t.test(`${name}${owned ? '' : ' (not owned by its column)'}`, async (t) => {
        const { url, client } = await createDatabase(t, { empty: true });
        await createLegacyTables(client, { owned });
        await addLegacyUsers(
          client,
          Array.from({ length: users }, (_, index) => ({ email: `${index}@example.com`, password: 'x' })),
        );
        await client.query('DELETE FROM refreshaccesstokens');
        await client.query(prepare);
        await migrate(url, { log });
        const { rows } = await client.query(
          `INSERT INTO users (name, email, location, password) VALUES ('N', 'new@example.com', '', 'x') RETURNING user_id::integer`,
        );
        t.strictSame(rows, [{ user_id: next }]);
      });
    }
  }
});

t.test('emails become what the service looks them up by', async (t) => {
  const { url, client } = await createDatabase(t, { empty: true });
  await createLegacyTables(client);
  const emails = [
    'Plain@Example.COM',
    'Ünï@Example.COM',
    'e\u0301clair@example.com',
    'ΟΔΥΣΣΕΥΣ@example.gr',
    'İstanbul@example.com.tr',
    'STRASSE.ẞ@example.de',
    'ПОЧТА@ПРИМЕР.РФ',
    'ǅungla@example.hr',
    'ＦＵＬＬ@example.jp',
    '𐐀deseret@example.com',
  ];
  await addLegacyUsers(
    client,
    emails.map((email) => ({ email, password: 'x' })),
  );
  await migrate(url, { log });
  const { rows } = await client.query<{ email: string }>('SELECT email FROM users ORDER BY user_id');
  t.strictSame(
    rows.map(({ email }) => email),
    emails.map(normaliseEmail),
  );
});

t.test('100,000 users with tokens are taken over within 30 seconds', async (t) => {
  const { url, client } = await createDatabase(t, { empty: true });
  await createLegacyTables(client);
  await client.query(`
    INSERT INTO users (name, email, location, about, password)
    SELECT 'User ' || n, 'User.' || n || '@Example.com', 'Zürich', repeat('about ', 20), '$2b$12$' || repeat('x', 53)
    FROM generate_series(1, 100000) AS n;
    INSERT INTO refreshaccesstokens (tokens, type, user_id)
    SELECT repeat(md5(n::text), 6) || n, 'Bearer', n FROM generate_series(1, 100000) AS n`);
  const start = performance.now();
  await migrate(url, { log });
  const seconds = (performance.now() - start) / 1000;
  t.comment(`${seconds.toFixed(1)} s`);
  t.ok(seconds < 30, `${seconds} s`);
  const { rows } = await client.query(
    `SELECT count(*)::integer AS users, count(*) FILTER (WHERE email = lower(email))::integer AS lower FROM users`,
  );
  t.strictSame(rows, [{ users: 100_000, lower: 100_000 }]);
});
