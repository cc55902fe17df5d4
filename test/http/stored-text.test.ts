import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { startApp } from '../support/app.ts';
import { check, someone, text } from '../support/arbitrary-input.ts';
import { newPerson } from '../support/people.ts';

t.test('valid text is stored and returned unchanged', async (t) => {
  const { post, database } = await startApp(t);

  for (const url of ['/auth/user/create', '/api/v1/register-user']) {
    t.test(`${url} keeps text of any script as it is`, async (t) => {
      await check(
        fc.asyncProperty(
          text,
          text,
          fc.option(fc.oneof(text, fc.constant(''))),
          async (name, location, about) => {
            const person = {
              ...newPerson({ password: `${randomBytes(9).toString('hex')} ключ 🔑` }),
              name,
              location,
              about,
            };
            const { status, body } = await post(url, person);
            if (status !== 201) throw new Error(`${status} ${JSON.stringify(body)}`);
            const { rows } = await database.client.query(
              'SELECT name, location, about, email FROM users WHERE user_id = $1',
              [body['user_id']],
            );
            const { password: _, ...sent } = person;
            for (const kept of [rows[0], body]) t.match(kept, sent);
            for (const field of ['name', 'location', 'about'] as const) {
              if (rows[0][field] !== person[field] || body[field] !== person[field]) throw new Error(field);
            }
          },
        ),
        40,
      );
    });

    t.test(`${url} counts characters, not bytes`, async (t) => {
      const [name, about] = ['🙂'.repeat(200), '漢'.repeat(1000)];
      const { status, body } = await post(url, { ...someone(), name, about });
      t.equal(status, 201);
      t.equal(body['name'], name);
      t.equal(body['about'], about);
    });
  }

  t.test('what may be left out is stored empty, and may be sent empty', async (t) => {
    for (const given of [{}, { name: '', location: '', about: null }]) {
      const { email, password } = newPerson();
      const { status, body } = await post('/auth/user/create', { email, password, ...given });
      t.equal(status, 201);
      t.match(body, { name: '', location: '', about: null });
    }
  });
});
