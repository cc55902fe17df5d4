import { connect } from 'node:net';
import t, { type Test } from 'tap';
import { freePort, post, run } from '../support/gatehouse-process.ts';
import { rises, runWatched, type Scrape, scrape, scrapeUntil } from '../support/metrics.ts';
import { bearer, newPerson } from '../support/people.ts';
import { fetchChecked } from '../support/watch.ts';

const duration = 'gatehouse_http_request_duration_seconds';

t.test('what is done is what is counted', async (t) => {
  const { origin, metricsPort } = await runWatched(t);
  const send = (path: string, body: unknown) => post(origin, path, body);
  const before = await scrape(metricsPort);

  const person = newPerson();
  const { email, password } = person;
  t.equal((await send('/api/v1/register-user', person)).status, 201);
  t.equal((await send('/api/v1/register-user', person)).status, 409);
  t.equal((await send('/api/v1/register-user', newPerson({ password: 'password' }))).status, 422);
  const login = await send('/api/v1/auth/login', { email, password });
  t.equal((await send('/api/v1/auth/login', { email, password: 'not the password' })).status, 401);
  t.equal((await send('/auth/user/verify', { email: 'nobody@example.com', password })).status, 401);
  const refresh = (refresh_token: unknown) => send('/api/v1/auth/refresh-token', { refresh_token });
  const first = login.body['refresh_token'];
  const second = (await refresh(first)).body['refresh_token'];
  t.equal((await refresh(first)).body['refresh_token'], second, 'repeated');
  t.equal((await refresh(second)).status, 200);
  t.equal((await refresh(first)).body['error_code'], 'REFRESH_TOKEN_REUSED');
  t.equal((await refresh(second)).body['error_code'], 'SESSION_ENDED');
  t.equal((await refresh('nonsense')).body['error_code'], 'REFRESH_TOKEN_INVALID');
  const again = await send('/api/v1/auth/login', { email, password });
  const authorization = bearer(String(again.body['access_token']));
  t.equal((await fetchChecked(`${origin}/api/v1/me`, { headers: authorization })).status, 200);
  const logout = await fetchChecked(`${origin}/api/v1/auth/logout`, {
    method: 'POST',
    headers: authorization,
  });
  t.equal(logout.status, 204);

  const after = await scrapeUntil(metricsPort, ({ series }) =>
    series.has(`${duration}_count{method="POST",route="/api/v1/auth/logout",status_code="204"}`),
  );
  const domain = /^gatehouse_(logins|registrations|refreshes|sessions_ended|http_errors)_total/;
  t.strictSame(rises(before, after, domain), {
    'gatehouse_logins_total{outcome="succeeded"}': 2,
    'gatehouse_logins_total{outcome="refused"}': 2,
    'gatehouse_registrations_total{outcome="succeeded"}': 1,
    'gatehouse_registrations_total{outcome="taken"}': 1,
    'gatehouse_registrations_total{outcome="refused"}': 1,
    'gatehouse_refreshes_total{outcome="rotated"}': 2,
    'gatehouse_refreshes_total{outcome="replayed"}': 1,
    'gatehouse_refreshes_total{outcome="reused"}': 1,
    'gatehouse_refreshes_total{outcome="refused"}': 2,
    'gatehouse_sessions_ended_total{reason="reused"}': 1,
    'gatehouse_sessions_ended_total{reason="logout"}': 1,
    'gatehouse_http_errors_total{error_code="EMAIL_ALREADY_EXISTS"}': 1,
    'gatehouse_http_errors_total{error_code="VALIDATION_ERROR"}': 1,
    'gatehouse_http_errors_total{error_code="INVALID_CREDENTIALS"}': 2,
    'gatehouse_http_errors_total{error_code="REFRESH_TOKEN_REUSED"}': 1,
    'gatehouse_http_errors_total{error_code="SESSION_ENDED"}': 1,
    'gatehouse_http_errors_total{error_code="REFRESH_TOKEN_INVALID"}': 1,
  });
  t.strictSame(rises(before, after, /^gatehouse_http_request_duration_seconds_count/), {
    [`${duration}_count{method="POST",route="/api/v1/register-user",status_code="201"}`]: 1,
    [`${duration}_count{method="POST",route="/api/v1/register-user",status_code="409"}`]: 1,
    [`${duration}_count{method="POST",route="/api/v1/register-user",status_code="422"}`]: 1,
    [`${duration}_count{method="POST",route="/api/v1/auth/login",status_code="200"}`]: 2,
    [`${duration}_count{method="POST",route="/api/v1/auth/login",status_code="401"}`]: 1,
    [`${duration}_count{method="POST",route="/auth/user/verify",status_code="401"}`]: 1,
    [`${duration}_count{method="POST",route="/api/v1/auth/refresh-token",status_code="200"}`]: 3,
    [`${duration}_count{method="POST",route="/api/v1/auth/refresh-token",status_code="401"}`]: 3,
    [`${duration}_count{method="GET",route="/api/v1/me",status_code="200"}`]: 1,
    [`${duration}_count{method="POST",route="/api/v1/auth/logout",status_code="204"}`]: 1,
  });
  t.strictSame(rises(before, after, /^gatehouse_password_hash_(wait|duration)_seconds_count/), {
    gatehouse_password_hash_wait_seconds_count: 6,
    gatehouse_password_hash_duration_seconds_count: 6,
  });
  const hashed = after.series.get('gatehouse_password_hash_duration_seconds_sum') ?? 0;
  t.ok(hashed > 0.06 && hashed < 30, `${hashed} seconds for six hashes of cost 10`);
  const login200 = `${duration}_sum{method="POST",route="/api/v1/auth/login",status_code="200"}`;
  t.ok((after.series.get(login200) ?? 0) > 0.02, 'in seconds, and not less than two hashes');
});

t.test('refused for want of a hash thread', async (t) => {
  const { origin, metricsPort } = await runWatched(t, { HASH_MAX_WAIT_MS: '1' });
  const { email, password } = newPerson();
  const answers = await Promise.all(
    Array.from({ length: 16 }, () => post(origin, '/api/v1/auth/login', { email, password })),
  );
  const busy = answers.filter(({ body }) => body['error_code'] === 'PASSWORD_HASHING_BUSY').length;
  t.ok(busy > 0 && busy < 16, `${busy} were`);
  const { series } = await scrape(metricsPort);
  t.equal(series.get('gatehouse_logins_total{outcome="busy"}'), busy);
  t.equal(series.get('gatehouse_logins_total{outcome="refused"}'), 16 - busy);
  t.equal(series.get('gatehouse_password_hash_rejections_total'), busy);
});

t.test('what limits decide, where attempts are counted, and a proxy that is not trusted', async (t) => {
  const { origin, metricsPort } = await runWatched(t, {
    RATE_LIMIT_LOGINS_PER_ADDRESS: '1',
    REDIS_URL: `redis://127.0.0.1:${await freePort()}`,
  });
  const before = await scrape(metricsPort);
  const { email, password, ...person } = newPerson();
  t.equal((await post(origin, '/api/v1/register-user', { email, password, ...person })).status, 201);
  const login = async (as: string) =>
    (await post(origin, '/api/v1/auth/login', { email: as, password })).status;
  t.equal(await login('nobody@example.com'), 401);
  t.equal(await login('nobody@example.com'), 429);
  t.equal(await login(email), 200, 'at home there');

  const after = await scrape(metricsPort);
  t.strictSame(rises(before, after, /^gatehouse_rate_limit_.*_total/), {
    'gatehouse_rate_limit_decisions_total{operation="registration",outcome="allowed"}': 1,
    'gatehouse_rate_limit_decisions_total{operation="login",outcome="allowed"}': 1,
    'gatehouse_rate_limit_decisions_total{operation="login",outcome="limited"}': 1,
    'gatehouse_rate_limit_decisions_total{operation="login",outcome="exempted"}': 1,
    'gatehouse_rate_limit_hits_total{limit="login_address"}': 1,
  });
  const stores = ['memory', 'redis', 'fallback'].map((store) =>
    after.series.get(`gatehouse_rate_limit_store{store="${store}"}`),
  );
  t.strictSame(stores, [0, 0, 1]);

  t.equal(after.series.get('gatehouse_proxy_uncovered'), 0);
  for (let client = 0; client < 400; client++)
    await fetchChecked(`${origin}/openapi.json`, {
      headers: { 'x-forwarded-for': `203.0.113.${client % 250}` },
    });
  t.equal((await scrape(metricsPort)).series.get('gatehouse_proxy_uncovered'), 1);
});

t.test('requests that are refused for overload', async (t) => {
  const { origin, metricsPort } = await runWatched(t, { EVENT_LOOP_DELAY_MAX_MS: '1' });
  const answers: Response[] = [];
  let most = 0;
  while (!answers.some(({ status }) => status === 503)) {
    answers.push(
      ...(await Promise.all(Array.from({ length: 50 }, () => fetchChecked(`${origin}/api/v1/me`)))),
    );
    most = Math.max(most, (await scrape(metricsPort)).series.get('gatehouse_overload_share') ?? 0);
  }
  t.ok(most > 0 && most <= 0.95, `a share of ${most}`);
  const refused = answers.filter(({ status }) => status === 503).length;
  const { series } = await scrape(metricsPort);
  t.equal(series.get('gatehouse_http_errors_total{error_code="OVERLOADED"}'), refused);
  t.equal(series.get(`${duration}_count{method="GET",route="/api/v1/me",status_code="503"}`), undefined);
});

t.test('pool, hash queue and connections as they are at the scrape', async (t) => {
  const { origin, database, metricsPort } = await runWatched(t, {
    DATABASE_POOL_SIZE: '2',
    BCRYPT_COST: '12',
  });
  await database.client.query('BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE');
  const { email, password } = newPerson();
  const login = () => post(origin, '/api/v1/auth/login', { email, password });
  const logins = Array.from({ length: 5 }, login);
  const { series } = await scrapeUntil(
    metricsPort,
    (scraped) => scraped.series.get('gatehouse_database_pool_waiting') === 3,
  );
  t.equal(series.get('gatehouse_database_pool_connections{state="in_use"}'), 2);
  t.equal(series.get('gatehouse_database_pool_connections{state="idle"}'), 0);
  t.equal(series.get('gatehouse_database_pool_connections_limit'), 2);
  // Nothing is given back while all wait for the lock
  t.equal(series.get('gatehouse_database_pool_estimated_wait_seconds'), 0);
  t.ok((series.get('gatehouse_http_connections') ?? 0) >= 5);
  t.equal(series.get('gatehouse_http_connections_limit'), 10_000);

  const threads = series.get('gatehouse_password_hash_threads') ?? 0;
  logins.push(...Array.from({ length: 4 * threads }, login));
  await database.client.query('ROLLBACK');
  const queued = await scrapeUntil(
    metricsPort,
    (scraped) => (scraped.series.get('gatehouse_password_hash_queue_depth') ?? 0) > 1,
  );
  t.ok((queued.series.get('gatehouse_password_hash_estimated_wait_seconds') ?? 0) > 0.01);
  for (const { status } of await Promise.all(logins)) t.ok([401, 503].includes(status));
  const idle = await scrape(metricsPort);
  t.equal(idle.series.get('gatehouse_password_hash_queue_depth'), 0);
  t.equal(idle.series.get('gatehouse_database_pool_waiting'), 0);
});

t.test('connections that made room for newer ones', async (t) => {
  const { port, metricsPort } = await runWatched(t, { CONNECTIONS_MAX: '100' });
  const open = 'gatehouse_http_connections';
  const evicted = `${open}_evicted_total`;
  const sockets = Array.from({ length: 130 }, () => connect(port, '127.0.0.1'));
  for (const socket of sockets) t.teardown(() => socket.destroy());
  for (const socket of sockets) socket.resume().on('error', () => {});
  const { series } = await scrapeUntil(metricsPort, (found) => (found.series.get(evicted) ?? 0) >= 30);
  t.equal(series.get(open), 100);
  t.equal(series.get(`${open}_limit`), 100);
  // That of the readiness probe was one more
  t.ok((series.get(evicted) ?? 0) <= 31, `${series.get(evicted)} of them`);
});

t.test('sessions that were pruned', async (t) => {
  const { origin, database, metricsPort } = await runWatched(t, { SESSION_PRUNE_INTERVAL_SECONDS: '1' });
  const { email, password, ...person } = newPerson();
  await post(origin, '/auth/user/create', { email, password, ...person });
  for (const _ of [1, 2, 3]) await post(origin, '/api/v1/auth/login', { email, password });
  await database.client.query('UPDATE refreshaccesstokens SET expires_at = now()');
  const { series } = await scrapeUntil(
    metricsPort,
    (scraped) => scraped.series.get('gatehouse_sessions_pruned_total') === 3,
  );
  const done = await scrapeUntil(metricsPort, (scraped) =>
    scraped.series.has('gatehouse_sessions_prune_last_run_timestamp_seconds'),
  );
  t.equal(series.get('gatehouse_sessions_prune_failed_passes'), 0);
  t.equal(done.series.get('gatehouse_sessions_prune_backlog'), 0);
  const lastRun = done.series.get('gatehouse_sessions_prune_last_run_timestamp_seconds') ?? 0;
  t.ok(Math.abs(lastRun - Date.now() / 1000) < 60, 'seconds since the epoch');
});

t.test('20 requests and 20 scrapes at once', async (t) => {
  const { origin, metricsPort } = await runWatched(t);
  const requests = Array.from({ length: 20 }, () => fetchChecked(`${origin}/api/v1/me`));
  const scrapes = await Promise.all(Array.from({ length: 20 }, () => scrape(metricsPort)));
  for (const { status } of await Promise.all(requests)) t.equal(status, 401);
  for (const { series } of scrapes) consistent(t, series);
  const me = `${duration}_count{method="GET",route="/api/v1/me",status_code="401"}`;
  const { series } = await scrapeUntil(metricsPort, (found) => (found.series.get(me) ?? 0) >= 20);
  t.equal(series.get(me), 20);
  consistent(t, series);
});

t.test('with METRICS_PORT=0 there is one listener, and none without it', async (t) => {
  const hook = `import net from 'node:net';
    const { listen } = net.Server.prototype;
    net.Server.prototype.listen = function (...args) {
      process.stderr.write('a listener\\n');
      return Reflect.apply(listen, this, args);
    };`;
  const nodeOptions = ['--import', `data:text/javascript,${encodeURIComponent(hook)}`];
  for (const metricsPort of ['0', String(await freePort())]) {
    const gatehouse = run(t, 'server.js', {
      env: {
        NODE_ENV: 'production',
        HOST: '127.0.0.1',
        PORT: String(await freePort()),
        METRICS_PORT: metricsPort,
        DATABASE_URL: 'postgres://u:p@127.0.0.1:1/none',
        SECRET_KEY: 'a-secret-of-forty-characters-for-one-test',
        REFRESH_TOKEN_SECRET: 'another-secret-of-forty-characters-for-it',
        BCRYPT_COST: '10',
      },
      nodeOptions,
    });
    while (!gatehouse.stdout().includes('waiting for the database')) {
      if (gatehouse.child.exitCode !== null) throw new Error(gatehouse.stderr());
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    t.equal(gatehouse.stderr(), 'a listener\n'.repeat(metricsPort === '0' ? 1 : 2));
  }
});

/** Each bucket holds those of the one before it, and the last one all. */
function consistent(t: Test, series: Scrape['series']): void {
  const before = new Map<string, number>();
  for (const [key, value] of series) {
    const [, name, bound, labels] = /^(\w+)_bucket\{le="([^"]+)",?(.*)\}$/.exec(key) ?? [];
    if (name === undefined) continue;
    const histogram = labels === '' ? `${name}_count` : `${name}_count{${labels}}`;
    if (value < (before.get(histogram) ?? 0)) t.fail(`${key} is less than the one before it`);
    before.set(histogram, value);
    if (bound === '+Inf') t.equal(value, series.get(histogram), key);
  }
  t.ok(before.size > 0);
}
