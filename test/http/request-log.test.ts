import t from 'tap';
import { type Answer, secrets, startApp } from '../support/app.ts';
import { bearer, newPerson, registerAndLogIn } from '../support/people.ts';
import { exchange, listen } from '../support/raw-client.ts';

const password = 'correct horse battery staple';
const wrongPassword = 'incorrect horse battery staple';

t.test('the log line of a request', async (t) => {
  const gatehouse = await startApp(t);
  const { get, post, logLines } = gatehouse;
  const person = await registerAndLogIn(gatehouse);

  /** The lines about one answer, at the level that production logs; security events have a test of their own. */
  const linesOf = ({ headers }: Answer) =>
    logLines
      .filter(({ reqId, level }) => reqId === headers['x-request-id'] && Number(level) >= 30)
      .filter((line) => !('event' in line));

  t.test('is one, with what happened and who asked', async (t) => {
    const lines = linesOf(await get(`/auth/user/${person.userId}?secret=1`, bearer(person.accessToken)));
    t.equal(lines.length, 1);
    t.match(lines[0], {
      level: 30,
      msg: 'request',
      method: 'GET',
      route: '/auth/user/:user_id',
      status: 200,
      ms: Number,
      user_id: person.userId,
    });
    t.notMatch(JSON.stringify(lines), 'secret');
  });

  t.test('has the user of a login, though no token came with it', async (t) => {
    const { email } = person;
    const lines = linesOf(await post('/api/v1/auth/login', { email, password: person.password }));
    t.match(lines, [{ status: 200, user_id: person.userId }]);
  });

  t.test('has the code of a refusal', async (t) => {
    const refusals: [Answer, object][] = [
      [await get('/api/v1/me'), { route: '/api/v1/me', status: 401, error_code: 'AUTHENTICATION_REQUIRED' }],
      [await get('/who?knows'), { route: null, status: 404, error_code: 'NOT_FOUND' }],
      [await post('/api/v1/auth/login', {}), { status: 422, error_code: 'VALIDATION_ERROR' }],
      [await post('/livez', {}), { status: 405, error_code: 'METHOD_NOT_ALLOWED' }],
    ];
    for (const [answer, line] of refusals) {
      t.match(linesOf(answer), [line]);
      t.equal(linesOf(answer).length, 1);
    }
  });

  t.test('cannot be forged by what a client sends', async (t) => {
    const forged = '\r\n{"level":30,"msg":"request","status":200,"forged":true}\r\n';
    const port = await listen(gatehouse);
    logLines.length = 0;
    await get(`/auth/user/${encodeURIComponent(forged)}`, bearer(person.accessToken));
    await get(`/${encodeURIComponent(forged)}`);
    await post('/api/v1/register-user', newPerson({ name: forged, location: forged, email: forged }));
    await post('/api/v1/auth/login', { email: person.email, password: forged });
    await post('/api/v1/auth/refresh-token', { refresh_token: forged });
    const unparsed = logLines.length;
    await exchange(port, 'NONSENSE\r\n\r\n', 300);
    t.match(logLines.slice(unparsed), [
      {
        msg: 'request',
        reqId: String,
        method: null,
        route: null,
        status: 400,
        error_code: 'MALFORMED_REQUEST',
      },
    ]);
    await exchange(port, `GET /livez HTTP/1.1\r\nHost: x\r\nX-Request-Id: a${forged}\r\n\r\n`, 300);
    t.ok(logLines.length >= 5);
    // Each line was parsed as one JSON object on its way here
    t.notOk(logLines.some((line) => 'forged' in line));
  });
});

t.test('no secret reaches the log, at any level', async (t) => {
  const gatehouse = await startApp(t, { env: { REFRESH_GRACE_SECONDS: '0' } });
  const { get, post, logLines, database } = gatehouse;
  const { email, ...person } = await registerAndLogIn(gatehouse, { password });
  const mentioned = [
    password,
    wrongPassword,
    person.accessToken,
    person.refreshToken,
    ...Object.values(secrets),
  ];

  const refresh = await post('/api/v1/auth/refresh-token', { refresh_token: person.refreshToken });
  mentioned.push(String(refresh.body['access_token']), String(refresh.body['refresh_token']));
  const [handle = ''] = person.refreshToken.split('.').slice(1);
  mentioned.push(JSON.parse(Buffer.from(handle, 'base64url').toString()).handle);

  const answers = {
    200: await get('/api/v1/me', bearer(person.accessToken)),
    401: await post('/api/v1/auth/login', { email, password: wrongPassword }),
    409: await post('/auth/user/create', { email, password }),
    422: await post('/auth/user/create', { email: 'x', password, extra: password }),
    400: await post('/api/v1/auth/login', `{"email":"${email}","password":"${password}`),
    415: await post('/api/v1/auth/login', { password }, { 'content-type': 'text/plain' }),
    404: await get(`/${encodeURIComponent(password)}?access_token=${person.accessToken}`),
  };
  for (const [status, answer] of Object.entries(answers)) t.equal(answer.status, Number(status));
  const reused = await post('/api/v1/auth/refresh-token', { refresh_token: person.refreshToken });
  t.equal(reused.body['error_code'], 'REFRESH_TOKEN_REUSED');
  const tampered = `${person.accessToken.slice(0, -2)}xx`;
  t.equal((await get('/api/v1/me', bearer(tampered))).status, 401);
  mentioned.push(tampered);

  // A database error that quotes the row: "Failing row contains (…, $2b$…)"
  await database.client.query(`ALTER TABLE users ADD CONSTRAINT no_bob CHECK (name <> 'Bob')`);
  t.equal((await post('/api/v1/register-user', newPerson({ name: 'Bob', password }))).status, 500);
  t.match(JSON.stringify(logLines), 'no_bob', 'the error itself is in the log');

  const { rows } = await database.client.query('SELECT password FROM users');
  mentioned.push(...rows.map((row) => row.password));

  const log = JSON.stringify(logLines);
  for (const secret of mentioned) {
    t.ok(secret.length >= 20);
    t.notOk(log.includes(secret), `${secret.slice(0, 6)}… is not in the log`);
    const [, , signature] = secret.split('.');
    if (signature) t.notOk(log.includes(signature));
  }
  t.notMatch(log, /\$2[aby]\$|bcrypt-sha256|eyJ/, 'nor any hash or token');
});
