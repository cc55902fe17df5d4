import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGatehouse, errorCodes, GatehouseError, GatehouseNetworkError } from '../dist/index.js';
import { mePath, serviceForTests } from './support/service.mjs';

const service = serviceForTests();

test('a user registers, logs in, reads herself, sees her sessions and ends them', async () => {
  const user = service.newUser();
  const client = createGatehouse({ baseUrl: service.origin });
  const ends = [];
  client.onSessionEnd((end) => ends.push(end.reason));

  const registered = await client.register(user);
  assert.equal(registered.about, null);
  assert.equal(await client.isLoggedIn(), false);
  await client.login(user);
  assert.equal(await client.isLoggedIn(), true);
  assert.deepEqual(await client.me(), registered);

  const elsewhere = createGatehouse({ baseUrl: service.origin });
  await elsewhere.login(user);
  const sessions = await client.sessions();
  assert.equal(sessions.length, 2);
  await client.endSession(sessions.find(({ current }) => !current).session_id);
  await assert.rejects(elsewhere.me(), { status: 401, errorCode: 'SESSION_ENDED' });
  assert.equal(await elsewhere.isLoggedIn(), false);

  await elsewhere.login(user);
  await client.logoutOthers();
  await assert.rejects(elsewhere.me(), { errorCode: 'SESSION_ENDED' });
  assert.equal((await client.sessions()).length, 1);

  await elsewhere.login(user);
  await client.logoutAll();
  await assert.rejects(elsewhere.me(), { errorCode: 'SESSION_ENDED' });
  await assert.rejects(client.me(), { status: 401, errorCode: 'AUTHENTICATION_REQUIRED' });

  await client.login(user);
  await client.logout();
  assert.equal(await client.isLoggedIn(), false);
  await client.logout();
  assert.deepEqual(ends, ['logout', 'logout']);
});

test('after a logout the service knows no session', async () => {
  const { client, user } = await service.loggedIn();
  const accessToken = await client.accessToken();
  await client.logout();
  const answer = await fetch(service.origin + mePath, {
    headers: { authorization: `Bearer ${accessToken}` },
  });
  assert.equal((await answer.json()).error_code, 'SESSION_ENDED');
  await client.login(user);
  assert.equal((await client.sessions()).length, 1);
});

test('errors say what to act on', async () => {
  const { client, user } = await service.loggedIn();
  await assert.rejects(client.register(user), (error) => {
    assert.ok(error instanceof GatehouseError);
    assert.equal(error.status, 409);
    assert.equal(error.errorCode, 'EMAIL_ALREADY_EXISTS');
    assert.equal(error.detail, 'Email already registered');
    assert.match(error.requestId, /^[\w-]{36}$/);
    return true;
  });
  await assert.rejects(client.register({ ...user, email: 'no', location: 7 }), (error) => {
    assert.equal(error.errorCode, 'VALIDATION_ERROR');
    assert.deepEqual(error.errors.map(({ field }) => field).sort(), ['email', 'location']);
    return true;
  });
  await assert.rejects(client.login({ ...user, password: 'difference engine' }), {
    status: 401,
    errorCode: 'INVALID_CREDENTIALS',
  });
  await assert.rejects(client.endSession(999_999), { status: 404, errorCode: 'SESSION_NOT_FOUND' });
  assert.equal((await client.me()).email, user.email, 'a refused login leaves the session alone');
});

test('all operations of the document, with the same tokens', async () => {
  const { client, user } = await service.loggedIn();
  const { data } = await client.api.GET('/api/v1/me');
  assert.equal(data.email, user.email);
  const own = { params: { path: { user_id: data.user_id } } };
  assert.deepEqual((await client.api.GET('/auth/user/{user_id}', own)).data, data);
  const other = { params: { path: { user_id: data.user_id + 1 } } };
  const { error, response } = await client.api.GET('/auth/user/{user_id}', other);
  assert.deepEqual([response.status, error.error_code], [403, 'FORBIDDEN']);
  assert.deepEqual((await client.api.GET('/livez')).data, { status: 'ok' });
});

test('an operation takes the access token too where it could do without', async () => {
  const { client, user } = await service.loggedIn();
  const observer = createGatehouse({ baseUrl: service.origin });
  await observer.login(user);
  const { response } = await client.api.POST('/api/v1/auth/logout');
  assert.equal(response.status, 204);
  assert.equal((await observer.sessions()).length, 1);
  await assert.rejects(client.me(), { errorCode: 'SESSION_ENDED' });
});

test('codes that this client does not know, and answers that are not of the service', async (t) => {
  const newer = { error_code: 'TOO_LATE_IN_THE_DAY', detail: 'Come back tomorrow', more: true };
  const answers = [
    { status: 418, body: JSON.stringify(newer) },
    { status: 500, body: '<h1>Bad gateway</h1>' },
    { status: 500, body: '[null]' },
    { status: 200, body: '<h1>Welcome to our wireless network</h1>' },
  ];
  const proxy = await service.proxy(t, {
    fault: ({ path, attempt }) => path === mePath && { answer: answers[attempt - 1] },
  });
  const { client } = await service.loggedIn({ baseUrl: proxy.origin });
  await assert.rejects(client.me(), {
    status: 418,
    errorCode: 'UNKNOWN',
    sentErrorCode: 'TOO_LATE_IN_THE_DAY',
    detail: 'Come back tomorrow',
  });
  for (const _ of [1, 2])
    await assert.rejects(client.me(), {
      name: 'GatehouseError',
      status: 500,
      errorCode: 'UNKNOWN',
      sentErrorCode: undefined,
      detail: '',
    });
  await assert.rejects(client.me(), GatehouseNetworkError);
});

test('the codes of the document are there to loop over', async () => {
  const { components } = await (await fetch(`${service.origin}/openapi.json`)).json();
  assert.deepEqual([...errorCodes], components.schemas.ErrorCode.enum);
});

test('a base URL is an origin and perhaps a path', async (t) => {
  for (const baseUrl of ['ftp://a.example', 'http://u:p@a.example', 'http://a.example/?b', 'nothing'])
    assert.throws(() => createGatehouse({ baseUrl }), TypeError, baseUrl);
  const { client } = await service.loggedIn({ baseUrl: `${service.origin}/` });
  assert.ok(await client.me());
  const proxy = await service.proxy(t, {
    fault: ({ path }) => !path.startsWith('/below/') && { answer: { status: 404 } },
  });
  const below = createGatehouse({ baseUrl: `${proxy.origin}/below` });
  await assert.rejects(below.me(), { status: 404, errorCode: 'NOT_FOUND' });
});
