import t from 'tap';
import { secrets, startApp, type TestApp } from '../support/app.ts';
import { gateway, startForClients } from '../support/clients.ts';
import { waitUntilBlocking } from '../support/database.ts';
import { bearer, logIn, newPerson, registerAndLogIn } from '../support/people.ts';
import { sessionIdOf } from '../support/sessions.ts';

/** What the log says of these events: every field but the time and who logs. */
function eventsIn({ logLines }: Pick<TestApp, 'logLines'>): Record<string, unknown>[] {
  return logLines.filter((line) => 'event' in line).map(({ time, pid, hostname, ...fields }) => fields);
}

/** The events that a piece of work causes, each of a request whose id the answer told. */
async function eventsOf(
  gatehouse: TestApp,
  work: () => Promise<unknown>,
): Promise<Record<string, unknown>[]> {
  const before = eventsIn(gatehouse).length;
  await work();
  const told = eventsIn(gatehouse).slice(before);
  const requests = gatehouse.logLines.filter(({ msg }) => msg === 'request').map(({ reqId }) => reqId);
  return told.map(({ reqId, msg, ...fields }) => {
    if (!requests.includes(reqId)) throw new Error(`no request has the id of ${JSON.stringify(fields)}`);
    return fields;
  });
}

const source = { source_ip: '127.0.0.1' };

t.test('logins', async (t) => {
  const gatehouse = await startApp(t);
  const { post, database } = gatehouse;
  const person = newPerson();
  const { email, password } = person;
  const attempt = (given: object) => eventsOf(gatehouse, () => post('/api/v1/auth/login', given));
  const failed = { level: 40, event: 'authn_login_fail', ...source };

  t.strictSame(await eventsOf(gatehouse, () => post('/api/v1/register-user', person)), [
    { level: 30, event: 'user_created', ...source, user_id: 1 },
  ]);
  t.strictSame(await eventsOf(gatehouse, () => post('/api/v1/register-user', person)), [], 'taken');
  t.strictSame(await attempt({ email, password }), [
    { level: 30, event: 'authn_login_success', ...source, user_id: 1, session_id: 1 },
  ]);
  t.strictSame(await attempt({ email, password: 'not the password' }), [
    { ...failed, user_id: 1, reason: 'wrong_password' },
  ]);
  t.strictSame(await attempt({ email: 'nobody@example.com', password }), [
    { ...failed, reason: 'unknown_email' },
  ]);
  t.strictSame(await attempt({ email }), [], 'no login without a password');

  const { rows } = await database.client.query('SELECT password FROM users');
  await database.client.query(`UPDATE users SET password = '!'`);
  t.strictSame(await attempt({ email, password }), [{ ...failed, user_id: 1, reason: 'unusable_hash' }]);
  await database.client.query('UPDATE users SET password = $1', [rows[0]?.password]);

  const other = await registerAndLogIn(gatehouse);
  const during = await eventsOf(gatehouse, async () => {
    await database.client.query('BEGIN');
    const change =
      'UPDATE users SET password = (SELECT password FROM users WHERE user_id = $1) WHERE user_id = 1';
    await database.client.query(change, [other.userId]);
    const login = post('/api/v1/auth/login', { email, password });
    await waitUntilBlocking(database.client);
    await database.client.query('COMMIT');
    await login;
  });
  t.strictSame(during, [{ ...failed, user_id: 1, reason: 'password_changed' }]);

  const all = JSON.stringify(eventsIn(gatehouse));
  for (const personal of [email, other.email, 'nobody@', password, person.name])
    t.notOk(all.includes(personal));
});

t.test('the end of sessions', async (t) => {
  const gatehouse = await startForClients(t, { env: { REFRESH_GRACE_SECONDS: '0' } });
  const { post, revoke } = gatehouse;
  const person = await registerAndLogIn(gatehouse);
  const ended = (reason: string, ...sessionIds: number[]) =>
    sessionIds.map((session_id) => ({
      level: 30,
      event: 'session_expired',
      ...source,
      user_id: person.userId,
      session_id,
      reason,
    }));
  const open = async () => {
    const tokens = await logIn(gatehouse, person);
    return { ...tokens, id: sessionIdOf(tokens.accessToken) };
  };
  const logout = (path: string, accessToken: string) =>
    eventsOf(gatehouse, () => post(`/api/v1/auth/${path}`, undefined, bearer(accessToken)));

  const first = await open();
  t.strictSame(await logout('logout', first.accessToken), ended('logout', first.id));
  t.strictSame(await logout('logout', first.accessToken), [], 'which has ended already');

  const second = await open();
  const byRefreshToken = () => post('/api/v1/auth/logout', { refresh_token: second.refreshToken });
  t.strictSame(await eventsOf(gatehouse, byRefreshToken), ended('logout', second.id));
  t.strictSame(await eventsOf(gatehouse, byRefreshToken), [], 'which has ended already');

  const [third, fourth] = [await open(), await open()];
  const registered = sessionIdOf(person.accessToken);
  const others = await logout('logout-others', fourth.accessToken);
  t.strictSame(others, ended('logout_others', registered, third.id));
  t.strictSame(await logout('logout-others', fourth.accessToken), [], 'there are no others');
  const fifth = await open();
  t.strictSame(await logout('logout-all', fifth.accessToken), ended('logout_all', fourth.id, fifth.id));
  t.strictSame(await logout('logout-all', fifth.accessToken), [], 'refused');

  const [sixth, seventh] = [await open(), await open()];
  const endOne = (id: number) =>
    eventsOf(gatehouse, () => gatehouse.delete(`/api/v1/me/sessions/${id}`, bearer(seventh.accessToken)));
  t.strictSame(await endOne(sixth.id), ended('ended', sixth.id));
  t.strictSame(await endOne(sixth.id), [], 'not found');

  const byClient = ([event]: object[]) => [{ ...event, client_id: gateway.id }];
  const eighth = await open();
  const revoked = await eventsOf(gatehouse, () => revoke(seventh.accessToken));
  t.strictSame(revoked, byClient(ended('revoked', seventh.id)));
  t.strictSame(await eventsOf(gatehouse, () => revoke(seventh.accessToken)), []);
  const revokedByRefresh = await eventsOf(gatehouse, () => revoke(eighth.refreshToken));
  t.strictSame(revokedByRefresh, byClient(ended('revoked', eighth.id)));
  t.strictSame(await eventsOf(gatehouse, () => revoke('nonsense')), []);

  const ninth = await open();
  const refresh = () => post('/api/v1/auth/refresh-token', { refresh_token: ninth.refreshToken });
  t.strictSame(await eventsOf(gatehouse, refresh), [], 'a refresh is counted, not logged');
  t.strictSame(await eventsOf(gatehouse, refresh), [
    {
      level: 40,
      event: 'authn_token_reuse',
      ...source,
      user_id: person.userId,
      session_id: ninth.id,
      presented_generation: 1,
      current_generation: 2,
    },
    ...ended('reused', ninth.id),
  ]);
  t.strictSame(await eventsOf(gatehouse, refresh), [], 'which has ended already');
});

t.test('attempts that limits refuse', async (t) => {
  const gatehouse = await startForClients(t, {
    env: {
      RATE_LIMIT: 'on',
      RATE_LIMIT_LOGINS_PER_ACCOUNT: '1',
      RATE_LIMIT_REGISTRATIONS_PER_ADDRESS: '1',
      RATE_LIMIT_REFRESHES_PER_ADDRESS: '1',
      RATE_LIMIT_CLIENTS_PER_ADDRESS: '1',
    },
  });
  const { post } = gatehouse;
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const introspect = () =>
    post('/oauth/introspect', 'token=x', { ...form, authorization: `Basic ${btoa('nobody:nothing')}` });
  const attempts = {
    login: () => post('/api/v1/auth/login', { email: 'nobody@example.com', password: 'no password' }),
    registration: () => post('/api/v1/register-user', newPerson()),
    refresh: () => post('/api/v1/auth/refresh-token', { refresh_token: 'nonsense' }),
    client: introspect,
  };
  const limits = {
    login: 'login_account',
    registration: 'registration_address',
    refresh: 'refresh_address',
    client: 'client_address',
  };
  for (const [operation, attempt] of Object.entries(attempts)) {
    await attempt();
    const limit = limits[operation as keyof typeof limits];
    t.strictSame(await eventsOf(gatehouse, attempt), [
      { level: 40, event: 'excess_rate_limit_exceeded', ...source, operation, limit },
    ]);
  }
});

t.test('a rolled back or failed end is none', async (t) => {
  const gatehouse = await startApp(t);
  const person = await registerAndLogIn(gatehouse);
  await gatehouse.database.client.query('ALTER TABLE refreshaccesstokens RENAME TO elsewhere');
  const events = await eventsOf(gatehouse, async () => {
    const { status } = await gatehouse.post('/api/v1/auth/logout', undefined, bearer(person.accessToken));
    t.equal(status, 500);
    const login = await gatehouse.post(
      '/api/v1/auth/login',
      person.email ? { email: person.email, password: person.password } : {},
    );
    t.equal(login.status, 500);
  });
  t.strictSame(events, []);
});

t.test('the address is the one that TRUST_PROXY believes', async (t) => {
  const gatehouse = await startApp(t, { env: { TRUST_PROXY: '127.0.0.1' } });
  const login = (forwarded: string) =>
    eventsOf(gatehouse, () =>
      gatehouse.post(
        '/api/v1/auth/login',
        { email: 'nobody@example.com', password: 'no password' },
        { 'x-forwarded-for': forwarded },
      ),
    );
  t.match(await login('203.0.113.7'), [{ source_ip: '203.0.113.7' }]);
  t.match(await login('2001:db8::7'), [{ source_ip: '2001:db8::7' }]);
  t.match(await login('"><script>'), [{ source_ip: null }]);
});

t.test('the keys at each start, by kid', async (t) => {
  const kids = async (env: Record<string, string>) => {
    const [event, ...rest] = eventsIn(await startApp(t, { env }));
    t.strictSame(rest, []);
    t.match(event, { level: 30, event: 'crypt_keys_loaded', msg: String });
    t.strictSame(Object.keys(event ?? {}).sort(), ['access', 'event', 'level', 'msg', 'refresh']);
    return event as Record<'access' | 'refresh', { signs: string; accepted: string[] }>;
  };
  const before = await kids({});
  t.strictSame(before.access.accepted, [before.access.signs]);
  const previous = 'another-secret-for-access-tokens-in-tests-only-0123456789abcdef01234567';
  const announced = await kids({ SECRET_KEY_PREVIOUS: previous });
  t.equal(announced.access.signs, before.access.signs);
  t.equal(announced.access.accepted.length, 2);
  t.strictSame(announced.refresh, before.refresh);
  t.notOk(JSON.stringify([before, announced]).includes(previous));
  for (const secret of Object.values(secrets)) t.notOk(JSON.stringify(announced).includes(secret));
});
