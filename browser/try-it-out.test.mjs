import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openDocsPages } from './docs-pages.mjs';
import { authorize, execute, openOperation } from './try-it-out.mjs';
import { visit } from './visit.mjs';

let origin;
let directOrigin;
let browser;
let close;

before(async () => {
  ({ origin, directOrigin, browser, close } = await openDocsPages());
});

after(() => close?.());

/** What the service itself says, asked without the page. */
async function ask(path, { token, body } = {}) {
  const response = await fetch(`${directOrigin}${path}`, {
    method: body ? 'POST' : 'GET',
    headers: {
      ...(body && { 'content-type': 'application/json' }),
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body: body && JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}

test('"Try it out" registers, logs in, authorizes and reads the user, with the examples as they stand', async (t) => {
  const { page, complaints } = await visit(browser, { origin });
  t.after(() => page.context().close());
  const credentials = { email: 'ada@example.com', password: 'analytical engine' };
  assert.equal(
    (await ask('/api/v1/auth/login', { body: credentials })).status,
    401,
    'there is no such user yet',
  );
  await page.goto(`${origin}/docs`);

  const registered = await execute(await openOperation(page, 'registerUser'));
  assert.equal(registered.status, '201');
  assert.equal(registered.body.email, credentials.email);
  const { body: tokens } = await ask('/api/v1/auth/login', { body: credentials });
  const { body: user } = await ask('/api/v1/me', { token: tokens.access_token });
  assert.deepEqual(registered.body, user, 'what is shown is the user that there is now');

  const loggedIn = await execute(await openOperation(page, 'login'));
  assert.equal(loggedIn.status, '200');
  const { access_token: token } = loggedIn.body;
  assert.deepEqual((await ask('/api/v1/me', { token })).body, user, 'the token that is shown is good');

  await authorize(page, token);
  const me = await execute(await openOperation(page, 'getMe'));
  assert.equal(me.status, '200');
  assert.deepEqual(me.body, user);
  assert.match(me.curl, new RegExp(`-H 'Authorization: Bearer ${token}'`));
  assert.deepEqual(complaints, []);
});

test('"Try it out" shows how a request was refused', async (t) => {
  const { page, complaints } = await visit(browser, { origin });
  t.after(() => page.context().close());
  const email = 'grace@example.com';
  const person = { name: 'Grace', email, location: 'Arlington', password: 'a nanosecond of wire' };
  await page.goto(`${origin}/docs`);
  const registration = await openOperation(page, 'registerUser');
  const edited = { fill: JSON.stringify(person) };
  assert.equal((await execute(registration, edited)).status, '201');
  assert.deepEqual(complaints, []);

  const again = await execute(registration, { fill: JSON.stringify({ ...person, name: 'Not Grace' }) });
  assert.equal(again.status, '409');
  assert.deepEqual(again.body, { detail: 'Email already registered', error_code: 'EMAIL_ALREADY_EXISTS' });
  const { body: tokens } = await ask('/api/v1/auth/login', { body: { email, password: person.password } });
  const { body: user } = await ask('/api/v1/me', { token: tokens.access_token });
  assert.equal(user.name, 'Grace', 'the first registration stands');

  const anonymous = await execute(await openOperation(page, 'getMe'));
  assert.equal(anonymous.status, '401');
  assert.equal(anonymous.body.error_code, 'AUTHENTICATION_REQUIRED');

  // The browser itself notes each answer of 400 and above in the console
  const noted = /^(console: Failed to load resource: .* (409|401) |(409|401): )/;
  assert.deepEqual(
    complaints.filter((each) => !noted.test(each)),
    [],
  );
});

test('a token that was entered is forgotten with the page', async (t) => {
  const { page } = await visit(browser, { origin });
  t.after(() => page.context().close());
  const person = { email: 'edsger@example.com', password: 'considered harmful' };
  await ask('/auth/user/create', { body: person });
  const { body: tokens } = await ask('/api/v1/auth/login', { body: person });
  await page.goto(`${origin}/docs`);
  await authorize(page, tokens.access_token);
  assert.equal((await execute(await openOperation(page, 'getMe'))).status, '200');

  await page.reload();
  assert.equal((await execute(await openOperation(page, 'getMe'))).status, '401');
  assert.deepEqual(await page.evaluate(() => [Object.keys(localStorage), Object.keys(sessionStorage)]), [
    [],
    [],
  ]);
});
