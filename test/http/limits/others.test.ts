import t from 'tap';
import { type Answer, secrets } from '../../support/app.ts';
import { basic, clientEntry, gateway } from '../../support/clients.ts';
import { resigned } from '../../support/forged-tokens.ts';
import { defaultLimit, from, loginPath, repeated, startLimitedApp, statuses } from '../../support/limits.ts';
import { newPerson, registerAndLogIn } from '../../support/people.ts';
import { refused } from '../../support/refused.ts';

const here = from('198.51.100.7');
const elsewhere = from('198.51.100.8');

t.test('registrations of one address', async (t) => {
  const max = 6;
  const { post, database } = await startLimitedApp(t, {
    env: { RATE_LIMIT_REGISTRATIONS_PER_ADDRESS: String(max) },
  });
  t.equal(defaultLimit('RATE_LIMIT_REGISTRATIONS_PER_ADDRESS'), 100);
  const paths = ['/api/v1/register-user', '/auth/user/create'];
  const first = newPerson();
  const answers = [await post('/api/v1/register-user', first, here)];
  answers.push(await post('/api/v1/register-user', first, here));
  answers.push(...(await repeated(max - 2, (index) => post(String(paths[index % 2]), newPerson(), here))));
  t.strictSame(
    answers.map(({ status }) => status),
    [201, 409, ...Array.from({ length: max - 2 }, () => 201)],
  );
  t.strictSame(
    answers.map(({ headers }) => Number(headers['ratelimit-remaining'])),
    answers.map((_, index) => max - 1 - index),
  );
  const late = newPerson();
  for (const path of paths) {
    const limited = await post(path, late, here);
    refused(t, limited, 'RATE_LIMITED');
    t.ok(Number(limited.headers['retry-after']) > 800);
  }
  const { rows } = await database.client.query('SELECT FROM users WHERE email = $1', [late.email]);
  t.equal(rows.length, 0, 'nobody was created');
  t.equal((await post('/api/v1/register-user', { ...late, email: 'no email' }, here)).status, 422);
  t.equal((await post('/api/v1/register-user', late, elsewhere)).status, 201);
});

t.test('what is not acceptable is no registration', async (t) => {
  const { post } = await startLimitedApp(t, { env: { RATE_LIMIT_REGISTRATIONS_PER_ADDRESS: '1' } });
  const weak = await repeated(3, () =>
    post('/api/v1/register-user', { ...newPerson(), password: 'password1' }),
  );
  t.strictSame(statuses(weak), [422]);
  t.equal((await post('/api/v1/register-user', newPerson())).status, 201);
});

t.test('where an account has registered it is at home, also when registrations have no limit', async (t) => {
  const { post } = await startLimitedApp(t, {
    env: { RATE_LIMIT_REGISTRATIONS_PER_ADDRESS: '0', RATE_LIMIT_LOGINS_PER_ACCOUNT: '1' },
  });
  const { email, password, ...rest } = newPerson();
  const registered = await post('/api/v1/register-user', { email, password, ...rest }, here);
  t.equal(registered.status, 201);
  t.equal(registered.headers['ratelimit-limit'], undefined);
  const guess = { email, password: 'not the password' };
  refused(t, await post(loginPath, guess, elsewhere), 'INVALID_CREDENTIALS');
  refused(t, await post(loginPath, { email, password }, elsewhere), 'RATE_LIMITED');
  t.equal((await post(loginPath, { email, password }, here)).status, 200);
});

t.test('refused refreshes of one address, beside a right token', async (t) => {
  const gatehouse = await startLimitedApp(t);
  const max = defaultLimit('RATE_LIMIT_REFRESHES_PER_ADDRESS');
  const [ada, grace] = [await registerAndLogIn(gatehouse), await registerAndLogIn(gatehouse)];
  const send = (refresh_token: string, headers = here) =>
    gatehouse.post('/api/v1/auth/refresh-token', { refresh_token }, headers);
  const expired = resigned(ada.refreshToken, secrets.REFRESH_TOKEN_SECRET, { iat: 1, exp: 2 });

  await gatehouse.post('/api/v1/auth/logout', { refresh_token: grace.refreshToken });
  refused(t, await send(grace.refreshToken), 'SESSION_ENDED');
  refused(t, await send(expired), 'REFRESH_TOKEN_EXPIRED');
  const garbage = await repeated(max - 2, (index) => send(`garbage ${index}`));
  t.strictSame(statuses(garbage), [401]);
  t.equal(Number(garbage.at(-1)?.headers['ratelimit-remaining']), 0);
  for (const token of ['more garbage', expired, grace.refreshToken]) {
    const limited = await send(token);
    refused(t, limited, 'RATE_LIMITED');
    t.equal(Number(limited.headers['ratelimit-limit']), max);
  }
  refused(t, await send('garbage', elsewhere), 'REFRESH_TOKEN_INVALID');

  let token = ada.refreshToken;
  const right = await repeated(1000, async () => {
    const answer = await send(token);
    token = String(answer.body['refresh_token']);
    return answer;
  });
  t.strictSame(statuses(right), [200], 'a right token is refreshed, a thousand times');

  t.test('a token that comes back ends its session, and is then limited', async (t) => {
    await gatehouse.database.client.query(
      "UPDATE refreshaccesstokens SET rotated_at = now() - interval '1 minute', generation = generation + 1",
    );
    refused(t, await send(token), 'REFRESH_TOKEN_REUSED');
    refused(t, await send(token), 'RATE_LIMITED');
    refused(t, await send(token, elsewhere), 'SESSION_ENDED');
  });
});

t.test('failed authentications of clients from one address', async (t) => {
  const other = { id: 'api', secret: 'b0c5a4c1c49a4c4f8d5b9a55a1c67d20' };
  const gatehouse = await startLimitedApp(t, {
    env: { INTROSPECTION_CLIENTS: [gateway, other].map(clientEntry).join(',') },
  });
  const max = defaultLimit('RATE_LIMIT_CLIENTS_PER_ADDRESS');
  const paths = ['/oauth/introspect', '/oauth/revoke'];
  const ask = (path: string, client: { id: string; secret: string }, headers = here): Promise<Answer> =>
    gatehouse.post(path, 'token=whatever', {
      'content-type': 'application/x-www-form-urlencoded',
      ...basic(client),
      ...headers,
    });
  const introspect = (client: { id: string; secret: string }, headers = here) =>
    ask('/oauth/introspect', client, headers);

  t.equal((await introspect(gateway)).status, 200);
  const guesses = await repeated(max, (index) =>
    ask(String(paths[index % 2]), { id: index < 20 ? other.id : `guess-${index}`, secret: `guess-${index}` }),
  );
  t.strictSame(statuses(guesses), [401]);
  for (const path of paths) {
    const limited = await ask(path, { ...other, secret: 'another guess' });
    refused(t, limited, 'RATE_LIMITED');
    t.equal(Number(limited.headers['ratelimit-limit']), max);
  }
  t.equal((await introspect(other)).status, 200, 'the right secret of a client that was guessed at');
  t.strictSame(
    statuses(await repeated(1000, () => introspect(gateway))),
    [200],
    'a right secret meets no limit, a thousand times',
  );
  refused(t, await introspect({ ...other, secret: 'a guess' }, elsewhere), 'CLIENT_AUTHENTICATION_FAILED');
});
