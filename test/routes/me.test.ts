import t from 'tap';
import { startApp } from '../support/app.ts';
import { bearer, registerAndLogIn } from '../support/people.ts';

t.test('GET /api/v1/me', async (t) => {
  const gatehouse = await startApp(t);
  const person = await registerAndLogIn(gatehouse, { about: 'Countess' });

  t.test('returns the user the token belongs to, and nothing of the password', async (t) => {
    const { status, body, headers } = await gatehouse.get('/api/v1/me', bearer(person.accessToken));
    t.equal(status, 200);
    t.match(body, {
      user_id: person.userId,
      name: 'Ada',
      email: person.email,
      location: 'London',
      about: 'Countess',
    });
    t.strictSame(Object.keys(body).sort(), [
      'about',
      'created_at',
      'email',
      'location',
      'name',
      'updated_at',
      'user_id',
    ]);
    t.equal(headers['cache-control'], 'no-store');
  });

  t.test('refuses as soon as the session is gone', async (t) => {
    const { accessToken, userId } = await registerAndLogIn(gatehouse);
    await gatehouse.database.client.query('DELETE FROM refreshaccesstokens WHERE user_id = $1', [userId]);
    const { status, body, headers } = await gatehouse.get('/api/v1/me', bearer(accessToken));
    t.equal(status, 401);
    t.equal(body['error_code'], 'SESSION_ENDED');
    t.equal(headers['www-authenticate'], 'Bearer realm="gatehouse", error="invalid_token"');
  });
});
