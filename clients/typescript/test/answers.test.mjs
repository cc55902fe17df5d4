import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { GatehouseNetworkError, memoryStore } from '../dist/index.js';
import { stubbed } from './support/stub.mjs';

const credentials = { email: 'ada@example.com', password: 'analytical engine' };
const methods = {
  register: (client) => client.register({ name: 'Ada', location: 'London', ...credentials }),
  login: (client) => client.login(credentials),
  logout: (client) => client.logout(),
  logoutOthers: (client) => client.logoutOthers(),
  logoutAll: (client) => client.logoutAll(),
  me: (client) => client.me(),
  sessions: (client) => client.sessions(),
  endSession: (client) => client.endSession(7),
};

function storeWithTokens() {
  const store = memoryStore();
  const expiresAt = Date.now() + 1_000_000;
  const names = { accessToken: 'access', refreshToken: 'refresh', session: 'one' };
  store.set({ baseUrl: 'http://auth.example', renewAt: expiresAt, expiresAt, ...names });
  return store;
}

const secret = 'sesame';
const json = (value) => JSON.stringify(value);
for (const [what, status, body, bodiless] of [
  ['a page', 200, `<h1>Welcome, ${secret}</h1>`],
  ['JSON that breaks off', 200, `{"access_token":"${secret}`],
  ['some other JSON', 200, json({ token: secret })],
  ['null', 200, 'null'],
  ['JSON that has the names alone', 200, json({ user_id: secret, sessions: secret, access_token: 1 })],
  ['a list of other things', 200, json({ sessions: [secret, null] })],
  ['nothing', 200, ''],
  // For some of them that is a success
  ['204', 204, null, ['logout', 'logoutOthers', 'logoutAll', 'endSession']],
]) {
  for (const [name, call] of Object.entries(methods)) {
    if (bodiless?.includes(name)) continue;
    test(`${name}() that is answered ${what} has no answer of the service`, async () => {
      const { client, sent } = stubbed(() => new Response(body, { status }), { store: storeWithTokens() });
      const error = await call(client).then(
        () => assert.fail('it is taken for a success'),
        (thrown) => thrown,
      );
      assert.equal(sent.length, 1);
      assert.ok(error instanceof GatehouseNetworkError, String(error));
      assert.ok(error.cause instanceof Error && !(error.cause instanceof SyntaxError));
      assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes(secret));
    });
  }
}

test('a logout that is refused as the session is over already is one; a 401 of something else is not', async () => {
  const over = json({ detail: 'Over', error_code: 'SESSION_ENDED' });
  const { client } = stubbed(() => new Response(over, { status: 401 }), { store: storeWithTokens() });
  await client.logout();
  const proxied = stubbed(() => new Response('Who are you?', { status: 401 }), { store: storeWithTokens() });
  await assert.rejects(proxied.client.logout(), { status: 401, sentErrorCode: undefined });
  assert.equal(await proxied.client.isLoggedIn(), false);
});
