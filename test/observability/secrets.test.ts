import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { settingsSchema } from '../../src/config/schema.ts';
import { basic, clientEntry } from '../support/clients.ts';
import { createDatabase } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { freePort, production, ready, run } from '../support/gatehouse-process.ts';
import { bearer, newPerson } from '../support/people.ts';
import { isPooled, pooledRole, serviceUrl } from '../support/pooler.ts';

const secret = (name: string) => `${name}-${randomBytes(36).toString('hex')}`;

// By name they could hold a secret, and do not
const harmless = [
  'DB_HOST DB_PORT DB_NAME DB_USER DATABASE_PREPARED_STATEMENTS DATABASE_POOL_SIZE TOKEN_CREATION_ALGORITHM TOKEN_ISSUER',
  'TOKEN_AUDIENCE ACCESS_TOKEN_TTL_SECONDS TOKEN_EXPIRY_LIMIT PASSWORD_HASH_ENGINE PASSWORD_MIN_LENGTH PASSWORD_MAX_LENGTH',
  'PASSWORD_BLOCKLIST PASSWORD_BLOCKLIST_FILE JWT_PRIVATE_KEY_FILE JWT_PUBLIC_KEY_FILES RATE_LIMIT_CLIENTS_PER_ADDRESS',
].flatMap((line) => line.split(' '));

t.test('no secret that the service knows, or is sent, is logged or among its metrics', async (t) => {
  const { url, client } = await createDatabase(t);
  const role = `keeper_${randomBytes(4).toString('hex')}`;
  const databasePassword = secret('database');
  await client.query(
    `CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD '${databasePassword}'; ${pooledRole(role)}`,
  );
  t.teardown(() => client.query(`DROP ROLE IF EXISTS ${role}`));
  const proxy = await startDatabaseProxy(t, url);
  const theirs = new URL(isPooled ? serviceUrl(url) : proxy.url);
  Object.assign(theirs, { username: role, password: databasePassword });
  const gateway = { id: 'gateway', secret: secret('client') };
  const elsewhere = { redis: secret('redis'), collector: secret('collector'), collectorKey: secret('key') };
  const nobody = `127.0.0.1:${await freePort()}`;
  const settings = {
    DATABASE_URL: theirs.href,
    DATABASE_MIGRATION_URL: Object.assign(new URL(url), { username: role, password: databasePassword }).href,
    DB_PASSWORD: secret('unused'),
    SECRET_KEY: secret('access'),
    SECRET_KEY_PREVIOUS: [secret('access-old'), secret('access-older')].join(','),
    REFRESH_TOKEN_SECRET: secret('refresh'),
    REFRESH_TOKEN_SECRET_PREVIOUS: secret('refresh-old'),
    INTROSPECTION_CLIENTS: clientEntry(gateway),
    REDIS_URL: `redis://gatehouse:${elsewhere.redis}@${nobody}`,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://gatehouse:${elsewhere.collector}@${nobody}`,
    OTEL_EXPORTER_OTLP_HEADERS: `authorization=Bearer ${elsewhere.collectorKey}`,
  };
  const suspicious = Object.keys(settingsSchema.properties).filter((name) =>
    /DATABASE|DB_|SECRET|PASSWORD|TOKEN|KEY|CLIENT|_URL|ENDPOINT|HEADERS/.test(name),
  );
  t.strictSame(
    suspicious.filter((name) => !harmless.includes(name)).sort(),
    Object.keys(settings).sort(),
    'each setting that could hold a secret is one of these',
  );

  const [port, metricsPort] = [await freePort(), await freePort()];
  const gatehouse = run(t, 'server.js', {
    env: production(url, port, {
      ...settings,
      METRICS_PORT: String(metricsPort),
      LOG_LEVEL: 'trace',
      REFRESH_GRACE_SECONDS: '0',
      // So that it is soon said that there is no collector
      OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_EXPORTER_OTLP_TIMEOUT: '300',
    }),
  });
  const origin = await ready(gatehouse, port);
  const statuses: number[] = [];
  const send = async (path: string, body?: string | object, headers: Record<string, string> = {}) => {
    const init = { method: 'POST', body: typeof body === 'object' ? JSON.stringify(body) : (body ?? null) };
    const answer = await fetch(`${origin}${path}`, {
      ...(body === undefined ? {} : init),
      headers: { ...(typeof body === 'object' && { 'content-type': 'application/json' }), ...headers },
    });
    statuses.push(answer.status);
    const text = await answer.text();
    return (text.startsWith('{') ? JSON.parse(text) : {}) as Record<string, unknown>;
  };

  const password = secret('password');
  const wrong = secret('wrong');
  const cookie = secret('cookie');
  const { email, ...person } = newPerson({ password });
  await send('/api/v1/register-user', { email, ...person });
  const tokens = await send('/api/v1/auth/login', { email, password });
  const [access, refresh] = [String(tokens['access_token']), String(tokens['refresh_token'])];
  await send('/api/v1/auth/login', { email, password: wrong });
  await send('/api/v1/auth/login', `{"email":"${email}","password":"${password}`, {
    'content-type': 'application/json',
  });
  await send('/api/v1/auth/login', { email, password, [wrong]: wrong });
  await send('/api/v1/auth/login', { email, password }, { 'content-type': 'text/plain' });
  await send(`/api/v1/auth/refresh-token?refresh_token=${refresh}`, { refresh_token: refresh });
  await send(`/api/v1/auth/refresh-token/${refresh}`, { refresh_token: refresh });
  await send('/api/v1/auth/refresh-token', { refresh_token: refresh }, bearer(access));
  await send('/api/v1/auth/refresh-token', { refresh_token: `${refresh.slice(0, -3)}AAA` });
  await send('/api/v1/me', undefined, {
    ...bearer(access),
    cookie: `session=${cookie}`,
    'x-api-key': cookie,
  });
  await send(`/api/v1/me?access_token=${access}`, undefined, { authorization: `Token ${access}` });
  await send(`/auth/user/${access}`, undefined, bearer(`${access.slice(0, -3)}AAA`));
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  await send('/oauth/introspect', `token=${access}`, { ...form, ...basic(gateway) });
  await send('/oauth/introspect', `token=${access}`, { ...form, ...basic({ ...gateway, secret: wrong }) });
  await send('/oauth/introspect', `client_id=gateway&client_secret=${gateway.secret}&token=${refresh}`, form);
  await send('/oauth/revoke', `client_id=${gateway.secret}&client_secret=${wrong}&token=${refresh}`, form);
  // Errors of the database that quote a row, and those of its connections
  await client.query(`ALTER TABLE users ADD CONSTRAINT planted CHECK (name <> 'Mallory')`);
  await send('/api/v1/register-user', { ...newPerson({ name: 'Mallory', password }) });
  await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [role]);
  await client.query(`ALTER ROLE ${role} PASSWORD 'changed'`);
  await sleep(300);
  await send('/api/v1/auth/login', { email, password });
  for (const status of [200, 201, 400, 401, 404, 415, 422, 500, 503])
    t.ok(statuses.includes(status), `there was a ${status}: ${statuses.join(' ')}`);

  const scraped = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text();
  gatehouse.child.kill('SIGTERM');
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  const told = gatehouse.stdout() + gatehouse.stderr() + scraped;
  t.match(told, /planted/);
  t.match(told, /password authentication failed/);
  t.match(told, /authn_token_reuse/);
  t.match(told, /Redis cannot be used/);
  t.match(told, /spans/);

  const lists = Object.entries(settings).filter(([name]) => !/_URL$|^OTEL/.test(name));
  const secrets = [
    databasePassword,
    ...Object.values(elsewhere),
    ...lists.flatMap(([, value]) => value.split(',')),
    ...[gateway.secret, password, wrong, cookie, access, refresh],
    ...[access, refresh].flatMap((token) => token.split('.').slice(1)),
  ];
  for (const each of secrets) {
    for (const encoding of ['utf8', 'base64', 'base64url', 'hex'] as const) {
      t.notOk(told.includes(Buffer.from(each).toString(encoding)), `${each.slice(0, 12)}… in ${encoding}`);
    }
  }
  t.notMatch(told, /\$2[aby]\$|bcrypt-sha256|eyJ/, 'nor any hash or token');
  t.notOk(told.includes(email), 'nor an email');
});

t.test('nor what a start refuses', async (t) => {
  const password = secret('database');
  const client = secret('client');
  const settings = {
    ...production(`mysql://u:${password}@h/d`, 0),
    PORT: 'http',
    DATABASE_MIGRATION_URL: `postgres://u:${password}@h`,
    SECRET_KEY: 'short-secret',
    REFRESH_TOKEN_SECRET: 'short-secret',
    SECRET_KEY_PREVIOUS: 'older-secret',
    REFRESH_TOKEN_SECRET_PREVIOUS: 'other-secret',
    INTROSPECTION_CLIENTS: `gateway:${client},${client}`,
  };
  const gatehouse = run(t, 'server.js', { env: settings });
  t.strictSame(await gatehouse.ended, { code: 1, signal: null });
  const told = gatehouse.stdout() + gatehouse.stderr();
  for (const name of Object.keys(settings).filter((each) => /SECRET|CLIENTS|URL/.test(each))) {
    t.match(told, name, `${name} is refused`);
  }
  t.notMatch(told, new RegExp(`${password}|${client}|short-secret|older-secret|other-secret`));
});
