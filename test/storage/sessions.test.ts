import t from 'tap';
import { startApp } from '../support/app.ts';
import { waitUntilBlocking } from '../support/database.ts';
import { registerAndLogIn } from '../support/people.ts';

t.test('a password changed during the login opens no session', async (t) => {
  const gatehouse = await startApp(t);
  const { userId, email, password } = await registerAndLogIn(gatehouse);
  const { client } = gatehouse.database;
  await client.query('DELETE FROM refreshaccesstokens');
  const { rows: other } = await client.query<{ password: string }>(
    'SELECT password FROM users WHERE user_id = $1',
    [(await registerAndLogIn(gatehouse)).userId],
  );

  await client.query('BEGIN');
  await client.query('UPDATE users SET password = $2 WHERE user_id = $1', [userId, other[0]?.password]);
  const login = gatehouse.post('/api/v1/auth/login', { email, password });
  await waitUntilBlocking(client);
  await client.query('COMMIT');

  const { status, body } = await login;
  t.equal(status, 401);
  t.equal(body['error_code'], 'INVALID_CREDENTIALS');
  const { rows } = await client.query('SELECT FROM refreshaccesstokens WHERE user_id = $1', [userId]);
  t.equal(rows.length, 0);
});

t.test('a user deleted during the login gets no session', async (t) => {
  const gatehouse = await startApp(t);
  const { userId, email, password } = await registerAndLogIn(gatehouse);
  const { client } = gatehouse.database;
  await client.query('BEGIN');
  await client.query('DELETE FROM users WHERE user_id = $1', [userId]);
  const login = gatehouse.post('/api/v1/auth/login', { email, password });
  await waitUntilBlocking(client);
  await client.query('COMMIT');
  t.equal((await login).body['error_code'], 'INVALID_CREDENTIALS');
  t.strictSame((await client.query('SELECT FROM refreshaccesstokens')).rows, []);
});

t.test('1,000 refreshes stay one row, at least 95 % of them heap-only updates', async (t) => {
  const gatehouse = await startApp(t);
  const { client } = gatehouse.database;
  let { refreshToken } = await registerAndLogIn(gatehouse);
  const refreshes = 1000;
  for (let done = 0; done < refreshes; done++) {
    const { status, body } = await gatehouse.post('/api/v1/auth/refresh-token', {
      refresh_token: refreshToken,
    });
    if (status !== 200) throw new Error(`refresh ${done} answered ${status}`);
    refreshToken = String(body['refresh_token']);
  }
  const { rows } = await client.query('SELECT generation FROM refreshaccesstokens');
  t.strictSame(rows, [{ generation: refreshes + 1 }]);

  // A connection reports its statistics when it ends, at the latest
  await gatehouse.app.close();
  let share = 0;
  for (let updates = 0; updates < refreshes; ) {
    await client.query('SELECT pg_stat_clear_snapshot()');
    const { rows: stats } = await client.query<{ updates: number; hot: number; size: number }>(
      `SELECT n_tup_upd::integer AS updates, n_tup_hot_upd::integer AS hot, pg_relation_size(relid)::integer AS size
       FROM pg_stat_user_tables WHERE relname = 'refreshaccesstokens'`,
    );
    const { updates: seen = 0, hot = 0, size = 0 } = stats[0] ?? {};
    updates = seen;
    share = hot / seen;
    if (updates >= refreshes) t.comment(`heap-only: ${(share * 100).toFixed(1)} %, ${size / 8192} pages`);
  }
  t.ok(share >= 0.95, `${share}`);
});
