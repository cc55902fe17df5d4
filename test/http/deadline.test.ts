import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type PasswordHasher, startPasswordHasher } from '../../src/passwords/hasher.ts';
import { type Answer, startApp } from '../support/app.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { bearer, newPerson, registerAndLogIn } from '../support/people.ts';
import { listen } from '../support/raw-client.ts';
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
    const { answer, took } = await timed(request);
    refused(t, answer, 'DATABASE_UNAVAILABLE');
    t.match(answer.headers['retry-after'], /^[1-9]/, name);
    t.ok(took > 900 && took < 1500, `${name}: ${took} ms`);
  }
  await database.client.query('ROLLBACK');
  t.equal((await get('/api/v1/me', bearer(person.accessToken))).status, 200);
});

t.test('requests that overlap are each answered at their own deadline', async (t) => {
  const gatehouse = await startApp(t, { env: { REQUEST_DEADLINE_MS: '1000', HASH_MAX_WAIT_MS: '500' } });
  const { database, get } = gatehouse;
  const person = await registerAndLogIn(gatehouse);
  await database.client.query('BEGIN; LOCK TABLE users, refreshaccesstokens');
  const waits = [0, 500, 800];
  const late = await Promise.all(
    waits.map(async (wait) => {
      await sleep(wait);
      return timed(() => get('/api/v1/me', bearer(person.accessToken)));
    }),
  );
  await database.client.query('ROLLBACK');
  for (const [place, { answer, took }] of late.entries()) {
    refused(t, answer, 'DATABASE_UNAVAILABLE');
    t.ok(took > 900 && took < 1400, `${waits[place]} ms later: ${took} ms`);
  }
});

async function timed(request: () => Promise<Answer>): Promise<{ answer: Answer; took: number }> {
  const start = performance.now();
  const answer = await request();
  return { answer, took: performance.now() - start };
}

/** A hasher whose threads are the real ones. */
async function startHasher(t: Test, cost: number): Promise<PasswordHasher> {
  const hasher = await startPasswordHasher({ cost, engine: 'auto', maxWaitMs: 500, threads: 1 });
  t.teardown(() => hasher.close());
  return hasher;
}

async function isRegistered({ client }: TestDatabase, email: string): Promise<boolean> {
  const { rows } = await client.query('SELECT FROM users WHERE email = $1', [email]);
  return rows.length > 0;
}

const briefly = { REQUEST_DEADLINE_MS: '1000', HASH_MAX_WAIT_MS: '500' };

t.test('what is waiting behind the deadline is not begun', async (t) => {
  const database = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, database.url);
  const hasher = await startHasher(t, 4);
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
    env: briefly,
  });
  const person = newPerson();
  refused(t, await gatehouse.post('/api/v1/register-user', person), 'DATABASE_UNAVAILABLE');
  // The hash has come by then
  await sleep(2000);
  t.equal(proxy.countStatements('gatehouse'), 0);
  t.notOk(await isRegistered(database, person.email), 'nobody was registered behind the back of a 503');
});

t.test('a password that was being hashed at the deadline registers nobody', async (t) => {
  const hasher = await startHasher(t, 4);
  const hashed: string[] = [];
  const straddling: PasswordHasher = {
    ...hasher,
    async hash(password, signal) {
      const stored = await hasher.hash(password, signal);
      if (signal?.aborted === false) await once(signal, 'abort');
      hashed.push(stored);
      return stored;
    },
  };
  const { post, database } = await startApp(t, { hasher: straddling, env: briefly });
  const person = newPerson();
  refused(t, await post('/api/v1/register-user', person), 'DATABASE_UNAVAILABLE');
  await sleep(500);
  t.equal(hashed.length, 1);
  t.notOk(await isRegistered(database, person.email), 'nobody was registered behind the back of a 503');
});

t.test('a client that leaves while its password is hashed is not registered', async (t) => {
  // Some hundred milliseconds, so that it is still running when the client has left
  const hasher = await startHasher(t, 13);
  const hashing: Promise<string>[] = [];
  const watched: PasswordHasher = {
    ...hasher,
    hash(password, signal) {
      const stored = hasher.hash(password, signal);
      hashing.push(stored);
      return stored;
    },
  };
  const gatehouse = await startApp(t, { hasher: watched });
  const port = await listen(gatehouse);
  const person = newPerson();
  const body = JSON.stringify(person);
  const socket = connect(port, '127.0.0.1');
  socket.write(
    `POST /api/v1/register-user HTTP/1.1\r\nHost: gatehouse\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  );
  while (hashing.length === 0) await sleep(1);
  socket.destroy();
  t.match(await hashing[0], /^\$2b\$13\$/, 'what was begun is finished');
  await sleep(500);
  t.notOk(await isRegistered(gatehouse.database, person.email));
  t.equal((await gatehouse.post('/api/v1/register-user', person)).status, 201, 'and may come back for it');
});
