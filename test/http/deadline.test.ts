import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { type PasswordHasher, startPasswordHasher } from '../../src/passwords/hasher.ts';
import { startApp } from '../support/app.ts';
import { createDatabase } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { bearer, newPerson, registerAndLogIn } from '../support/people.ts';
import { refused } from '../support/refused.ts';

t.test('a request whose statements take too long is answered at the deadline', async (t) => {
  const gatehouse = await startApp(t, { env: { REQUEST_DEADLINE_MS: '1000', HASH_MAX_WAIT_MS: '500' } });
  const { database, get, post } = gatehouse;
  const person = await registerAndLogIn(gatehouse);
  await database.client.query('BEGIN; LOCK TABLE users, refreshaccesstokens');

  const requests = {
    me: () => get('/api/v1/me', bearer(person.accessToken)),
    refresh: () => post('/api/v1/auth/refresh-token', { refresh_token: person.refreshToken }),
    login: () => post('/api/v1/auth/login', { email: person.email, password: person.password }),
    registration: () => post('/api/v1/register-user', newPerson()),
  };
  for (const [name, request] of Object.entries(requests)) {
    const start = performance.now();
    const answer = await request();
    const took = performance.now() - start;
    refused(t, answer, 'DATABASE_UNAVAILABLE');
    t.match(answer.headers['retry-after'], /^[1-9]/, name);
    t.ok(took > 900 && took < 1500, `${name}: ${took} ms`);
  }
  await database.client.query('ROLLBACK');
  t.equal((await get('/api/v1/me', bearer(person.accessToken))).status, 200);
});

t.test('what is waiting behind the deadline is not begun', async (t) => {
  const database = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, database.url);
  const hasher = await startPasswordHasher({ cost: 4, engine: 'auto', maxWaitMs: 500 });
  t.teardown(() => hasher.close());
  const slow: PasswordHasher = {
    ...hasher,
    async hash(password, signal) {
      await sleep(2000);
      return hasher.hash(password, signal);
    },
  };
  const gatehouse = await startApp(t, {
    database: { ...database, url: proxy.url },
    hasher: slow,
    env: { REQUEST_DEADLINE_MS: '1000', HASH_MAX_WAIT_MS: '500' },
  });
  const person = newPerson();
  refused(t, await gatehouse.post('/api/v1/register-user', person), 'DATABASE_UNAVAILABLE');
  // The hash has come by then
  await sleep(2000);
  t.equal(proxy.countStatements('gatehouse'), 0);
  const { rows } = await database.client.query('SELECT FROM users WHERE email = $1', [person.email]);
  t.equal(rows.length, 0, 'nobody was registered behind the back of a 503');
});
