import t from 'tap';
import { startApp } from '../support/app.ts';
import { bearer, registerAndLogIn } from '../support/people.ts';

t.test('GET /auth/user/{user_id}', async (t) => {
  const gatehouse = await startApp(t);
  const { get, database } = gatehouse;
  const ada = await registerAndLogIn(gatehouse);
  const eve = await registerAndLogIn(gatehouse);

  t.test('returns yourself, as /api/v1/me does', async (t) => {
    const { status, body } = await get(`/auth/user/${ada.userId}`, bearer(ada.accessToken));
    t.equal(status, 200);
    t.strictSame(body, (await get('/api/v1/me', bearer(ada.accessToken))).body);
  });

  t.test('refuses any other id, whether or not anyone has it', async (t) => {
    for (const id of [eve.userId, 999_999_999, Number.MAX_SAFE_INTEGER]) {
      const { status, body } = await get(`/auth/user/${id}`, bearer(ada.accessToken));
      t.equal(status, 403);
      t.strictSame(body, { detail: 'You may only read your own user', error_code: 'FORBIDDEN' });
    }
  });

  t.test('wants a token before it looks at the id', async (t) => {
    for (const id of [ada.userId, 'abc']) {
      const { status, body } = await get(`/auth/user/${id}`);
      t.equal(status, 401);
      t.equal(body['error_code'], 'AUTHENTICATION_REQUIRED');
    }
  });

  t.test('refuses what is no id', async (t) => {
    for (const id of [
      '0',
      '-1',
      '1.5',
      '9007199254740992',
      `1${'0'.repeat(30)}`,
      'abc',
      '1e3',
      '%201',
      '01',
    ]) {
      const { status, body } = await get(`/auth/user/${id}`, bearer(ada.accessToken));
      t.equal(status, 422, id);
      t.match(body, { error_code: 'VALIDATION_ERROR', errors: [{ field: 'user_id' }] }, id);
    }
  });

  t.test('refuses a user who has been deleted', async (t) => {
    await database.client.query('DELETE FROM users WHERE user_id = $1', [eve.userId]);
    const { status, body } = await get(`/auth/user/${eve.userId}`, bearer(eve.accessToken));
    t.equal(status, 401);
    t.equal(body['error_code'], 'SESSION_ENDED');
  });
});
