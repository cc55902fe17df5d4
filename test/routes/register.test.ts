import t from 'tap';
import { startApp } from '../support/app.ts';
import { newPerson } from '../support/people.ts';
import { refused } from '../support/refused.ts';

t.test('registration', async (t) => {
  const gatehouse = await startApp(t);
  const { post, database } = gatehouse;
  const storedUser = async (email: string) => {
    const { rows } = await database.client.query('SELECT * FROM users WHERE email = $1', [email]);
    return rows;
  };

  for (const url of ['/auth/user/create', '/api/v1/register-user']) {
    t.test(`POST ${url}`, async (t) => {
      t.test('answers with the user as stored, and stores a hash', async (t) => {
        const person = newPerson({ about: 'Countess', name: 'Ada ❤ Lovelace', location: 'لندن' });
        const { status, body, headers } = await post(url, person);
        t.equal(status, 201);
        t.equal(headers['cache-control'], 'no-store');
        const [row, ...others] = await storedUser(person.email);
        t.strictSame(others, []);
        t.strictSame(body, {
          user_id: Number(row.user_id),
          name: person.name,
          email: person.email,
          location: person.location,
          about: 'Countess',
          created_at: row.created_at.toISOString(),
          updated_at: row.updated_at.toISOString(),
        });
        t.match(row.password, /^\$2b\$04\$/);
      });

      t.test('refuses an email that is taken, in whatever case, and keeps the first user', async (t) => {
        const first = newPerson();
        await post(url, first);
        const { status, body } = await post(
          url,
          newPerson({ email: first.email.toUpperCase(), name: 'Eve' }),
        );
        t.equal(status, 409);
        t.strictSame(body, { detail: 'Email already registered', error_code: 'EMAIL_ALREADY_EXISTS' });
        const rows = await storedUser(first.email);
        t.equal(rows.length, 1);
        t.equal(rows[0].name, first.name);
      });

      t.test('of many at once with one email, exactly one succeeds', async (t) => {
        const person = newPerson();
        const answers = await Promise.all(Array.from({ length: 16 }, () => post(url, person)));
        const statuses = answers.map(({ status }) => status).sort();
        t.strictSame(statuses, [201, ...Array.from({ length: 15 }, () => 409)]);
        t.equal((await storedUser(person.email)).length, 1);
      });

      t.test('refuses a password that is short, common, or the email, and names the field', async (t) => {
        const { email } = newPerson();
        for (const password of ['short 7', 'password123', email]) {
          const { status, body } = await post(url, newPerson({ email, password }));
          t.equal(status, 422, password);
          t.equal(body['error_code'], 'VALIDATION_ERROR');
          t.match(body['errors'], [{ field: 'password', message: /\w/ }]);
        }
        t.strictSame(await storedUser(email), []);
      });

      t.test('about may be null, or left out', async (t) => {
        for (const about of [null, undefined]) {
          const { status, body } = await post(url, { ...newPerson(), about });
          t.equal(status, 201);
          t.equal(body['about'], null);
        }
      });
    });
  }

  t.test('create takes an email and a password alone', async (t) => {
    const { email, password } = newPerson();
    const { status, body } = await post('/auth/user/create', { email, password });
    t.equal(status, 201);
    t.match(body, { name: '', location: '', about: null });
  });

  t.test('register-user says everything that is missing', async (t) => {
    const { status, body } = await post('/api/v1/register-user', {});
    t.equal(status, 422);
    const errors = body['errors'] as { field: string; message: string }[];
    t.strictSame(errors.map(({ field }) => field).sort(), ['email', 'location', 'name', 'password']);
    t.ok(errors.every(({ message }) => message === 'is required'));
  });
});

t.test(
  'while all hash threads are busy and nobody may wait, registrations are refused at once',
  async (t) => {
    // One hash takes far longer than the longest wait: as many are admitted as there are threads, until one is done
    const { post, database, hasher } = await startApp(t, {
      env: { HASH_MAX_WAIT_MS: '1', BCRYPT_COST: '11' },
    });
    const requests = 4 * hasher.threads;
    const answers = await Promise.all(
      Array.from({ length: requests }, () => post('/auth/user/create', newPerson())),
    );
    const accepted = answers.filter(({ status }) => status === 201);
    const busy = answers.filter(({ status }) => status !== 201);
    t.ok(accepted.length >= hasher.threads, `${accepted.length} of ${requests} accepted`);
    t.ok(busy.length > 0, `${busy.length} refused`);
    for (const answer of busy) {
      refused(t, answer, 'PASSWORD_HASHING_BUSY');
      t.match(answer.headers['retry-after'], /^[1-9]\d*$/);
    }
    const { rows } = await database.client.query('SELECT count(*)::int FROM users');
    t.equal(rows[0].count, accepted.length, 'those that were accepted are stored, and only they');
  },
);
