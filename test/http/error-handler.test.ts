import t from 'tap';
import { startApp } from '../support/app.ts';
import { bearer, newPerson, registerAndLogIn } from '../support/people.ts';
import { refused } from '../support/refused.ts';

const secret = 'SELECT password FROM users -- /srv/secret/path.ts 10.1.2.3';

const thrown: Record<string, () => unknown> = {
  null: () => null,
  undefined: () => undefined,
  'a string': () => secret,
  'a number': () => 42,
  'a symbol': () => Symbol(secret),
  'an error': () => new Error(secret),
  'an error with a status': () => Object.assign(new Error(secret), { statusCode: 418 }),
  'a SQL error': () => Object.assign(new Error(secret), { code: '42601', detail: secret }),
  'an object without a prototype': () => Object.create(null),
  'an object that throws itself': () => ({
    get message() {
      throw new Error(secret);
    },
    toString() {
      throw new Error(secret);
    },
  }),
};

t.test('whatever a route throws', async (t) => {
  const gatehouse = await startApp(t);
  const { app, get, logLines } = gatehouse;
  for (const [name, make] of Object.entries(thrown)) {
    app.get(`/throw/${name.replaceAll(' ', '-')}`, { exposeHeadRoute: false }, async () => {
      throw make();
    });
  }
  app.get('/circular', async () => {
    const self: Record<string, unknown> = { secret };
    self['self'] = self;
    return self;
  });
  const response = { 200: { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] } };
  app.get('/unlike-its-schema', { schema: { response } }, async () => ({ secret }));

  const urls = Object.keys(thrown).map((name) => `/throw/${name.replaceAll(' ', '-')}`);
  for (const url of [...urls, '/circular', '/unlike-its-schema']) {
    t.test(url, async (t) => {
      const answer = await get(url);
      refused(t, answer, 'INTERNAL_ERROR');
      t.equal(answer.body['detail'], 'Something went wrong on our side');
      t.notMatch(JSON.stringify([answer.body, answer.headers]), 'secret');
      const lines = logLines.filter(({ reqId }) => reqId === answer.headers['x-request-id']);
      t.match(lines[0], { level: 50, error_code: 'INTERNAL_ERROR', err: { message: String, stack: String } });
      t.match(lines.at(-1), { msg: 'request', status: 500, error_code: 'INTERNAL_ERROR' });
      t.equal(lines.length, 2);
    });
  }

  t.test('its cause is in the log', async (t) => {
    logLines.length = 0;
    await get('/throw/an-error');
    t.match(logLines[0], { err: { message: secret } });
    await get('/throw/a-string');
    t.match(logLines.at(-2), { err: { message: `thrown: '${secret}'` } });
  });
});

t.test('a database that cannot be reached', async (t) => {
  const up = await startApp(t);
  const person = await registerAndLogIn(up);
  const url = 'postgres://somebody:hidden-password@127.0.0.1:1/nowhere';
  const { post, get, logLines } = await startApp(t, {
    database: { ...up.database, url },
    hasher: up.hasher,
  });
  const requests = {
    register: () => post('/api/v1/register-user', newPerson()),
    login: () => post('/api/v1/auth/login', { email: person.email, password: person.password }),
    refresh: () => post('/api/v1/auth/refresh-token', { refresh_token: person.refreshToken }),
    me: () => get('/api/v1/me', bearer(person.accessToken)),
  };
  for (const [name, request] of Object.entries(requests)) {
    t.test(name, async (t) => {
      const answer = await request();
      refused(t, answer, 'DATABASE_UNAVAILABLE');
      t.equal(answer.headers['retry-after'], '1');
      t.notMatch(
        JSON.stringify(answer.body),
        /127\.0\.0\.1|somebody|nowhere|hidden|ECONN|SELECT|INSERT|UPDATE/,
      );
    });
  }
  t.test('its cause is in the log, and its password is not', async (t) => {
    t.match(JSON.stringify(logLines), 'ECONNREFUSED');
    t.notMatch(JSON.stringify(logLines), 'hidden-password');
  });
});

t.test('a schema that is not there is a defect, told without SQL', async (t) => {
  const gatehouse = await startApp(t);
  await gatehouse.database.client.query('ALTER TABLE users RENAME TO elsewhere');
  const answer = await gatehouse.post('/api/v1/register-user', newPerson());
  refused(t, answer, 'INTERNAL_ERROR');
  t.notMatch(JSON.stringify(answer.body), /users|relation|42P01/);
});

t.test('hash threads that have ended', async (t) => {
  const { post, hasher } = await startApp(t);
  await hasher.close();
  const answer = await post('/api/v1/register-user', newPerson());
  refused(t, answer, 'SHUTTING_DOWN');
  t.equal(answer.headers['retry-after'], '1');
});
