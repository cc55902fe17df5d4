import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { createDatabase } from '../support/database.ts';
import { dist, emptyFolder, freePort, post, production, ready, run } from '../support/gatehouse-process.ts';
import { bearer, newPerson } from '../support/people.ts';
import { fetchChecked } from '../support/watch.ts';

t.test('production without its settings names every problem once, and exits 1', async (t) => {
  const gatehouse = run(t, 'server.js', { env: { NODE_ENV: 'production', BCRYPT_COST: '4', PORT: 'http' } });
  t.strictSame(await gatehouse.ended, { code: 1, signal: null });
  t.equal(gatehouse.stdout(), '');
  t.equal(
    gatehouse.stderr(),
    `The configuration is not usable:
  - PORT must be integer
  - DATABASE_URL (or DB_HOST, DB_NAME, DB_USER and DB_PASSWORD) is missing
  - SECRET_KEY is missing
  - REFRESH_TOKEN_SECRET is missing
  - BCRYPT_COST must be at least 10 in production
`,
  );
});

t.test('production serves, logs JSON, and never loads the embedded Postgres', async (t) => {
  const { url } = await createDatabase(t);
  const port = await freePort();
  const folder = emptyFolder(t);
  // A loader hook that records every module the process loads
  const hooks = join(folder, 'hooks.mjs');
  writeFileSync(
    hooks,
    `import { appendFileSync } from 'node:fs';
     export async function load(url, context, next) {
       appendFileSync(${JSON.stringify(join(folder, 'loaded.txt'))}, url + '\\n');
       return next(url, context);
     }`,
  );
  const register = `import { register } from 'node:module'; register(${JSON.stringify(pathToFileURL(hooks).href)});`;
  const gatehouse = run(t, 'server.js', {
    env: production(url, port),
    nodeOptions: ['--import', `data:text/javascript,${encodeURIComponent(register)}`],
  });
  const origin = await ready(gatehouse, port);
  const person = newPerson();
  t.equal((await post(origin, '/api/v1/register-user', person)).status, 201);
  t.equal((await fetchChecked(`${origin}/docs`)).status, 404);
  t.equal((await fetchChecked(`${origin}/openapi.json`)).status, 200);
  gatehouse.child.kill('SIGTERM');
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });

  const { readFileSync } = await import('node:fs');
  const loaded = readFileSync(join(folder, 'loaded.txt'), 'utf8');
  t.match(loaded, pathToFileURL(join(dist, 'app.js')).href, 'the hook sees our modules');
  t.notMatch(loaded, /embedded/);
  t.equal(gatehouse.stderr(), '');
  t.match(
    gatehouse.logLines().find(({ msg, status }) => msg === 'request' && status !== 503),
    { level: 30, method: 'GET', status: 200 },
  );
});

t.test('development tells where to read on, by what is served', async (t) => {
  const { url } = await createDatabase(t);
  for (const [docs, expected] of [
    ['true', '/docs  or  '],
    ['false', '/openapi.json\n'],
  ] as const) {
    const port = await freePort();
    const env = { ...production(url, port), NODE_ENV: 'development', DOCS: docs };
    const gatehouse = run(t, 'server.js', { env });
    const origin = await ready(gatehouse, port);
    gatehouse.child.kill('SIGTERM');
    t.strictSame(await gatehouse.ended, { code: 0, signal: null });
    t.match(gatehouse.stdout(), `Read the docs   ${origin}${expected}`);
  }
});

t.test('users and sessions survive a restart', async (t) => {
  const { url } = await createDatabase(t);
  const port = await freePort();
  const person = newPerson();
  const first = run(t, 'server.js', { env: production(url, port) });
  const origin = await ready(first, port);
  t.equal((await post(origin, '/api/v1/register-user', person)).status, 201);
  const { body: tokens } = await post(origin, '/api/v1/auth/login', {
    email: person.email,
    password: person.password,
  });
  first.child.kill('SIGKILL');
  await first.ended;

  const second = run(t, 'server.js', { env: production(url, port) });
  await ready(second, port);
  const me = await fetchChecked(`${origin}/api/v1/me`, { headers: bearer(String(tokens['access_token'])) });
  t.equal(me.status, 200);
  t.match(await me.json(), { email: person.email });
  const refreshed = await post(origin, '/api/v1/auth/refresh-token', {
    refresh_token: tokens['refresh_token'],
  });
  t.equal(refreshed.status, 200);
});

t.test('what keeps it from starting is said in one line', async (t) => {
  const { url } = await createDatabase(t);
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  t.teardown(() => taken.close());
  const takenPort = (taken.address() as { port: number }).port;
  const wrong = new URL(url);
  wrong.password = 'not-the-password-at-all';

  const cases: [string, Record<string, string>, RegExp][] = [
    ['a port that is taken', production(url, takenPort), new RegExp(`port ${takenPort} is taken\\.`)],
    [
      'a metrics port that is taken',
      production(url, await freePort(), { METRICS_PORT: String(takenPort) }),
      new RegExp(
        `cannot listen: port ${takenPort} is taken\\. Stop what uses it, or set METRICS_PORT to another`,
      ),
    ],
    [
      'an address of another machine',
      production(url, await freePort(), { HOST: '192.0.2.1' }),
      /cannot listen: 192\.0\.2\.1 is no address of this machine/,
    ],
    [
      'an address of another machine for the metrics',
      production(url, await freePort(), {
        METRICS_PORT: String(await freePort()),
        METRICS_HOST: '192.0.2.1',
      }),
      /cannot listen: 192\.0\.2\.1 is no address of this machine\. Set METRICS_HOST to another/,
    ],
    [
      'an address of another machine for both',
      production(url, await freePort(), { METRICS_PORT: String(await freePort()), HOST: '192.0.2.1' }),
      /cannot listen: 192\.0\.2\.1 is no address of this machine\. Set HOST to another/,
    ],
    [
      'a host name to listen on that has no address',
      production(url, await freePort(), { HOST: 'there-is-none.invalid' }),
      /cannot listen: there-is-none\.invalid is no address of this machine/,
    ],
    [
      'a list of passwords that is not there',
      production(url, 0, { PASSWORD_BLOCKLIST_FILE: 'there-is-none.txt' }),
      /^PASSWORD_BLOCKLIST_FILE: there-is-none\.txt cannot be read/,
    ],
    [
      'a wrong password',
      production(wrong.href, 0),
      /^The database cannot be reached: password authentication failed for user/,
    ],
  ];
  await Promise.all(
    cases.map(([name, env, message]) =>
      t.test(name, async (t) => {
        const start = performance.now();
        const gatehouse = run(t, 'server.js', { env });
        t.strictSame(await gatehouse.ended, { code: 1, signal: null });
        t.match(gatehouse.stderr(), message);
        t.notMatch(gatehouse.stderr(), /\n./, 'one line');
        t.notMatch(gatehouse.stderr() + gatehouse.stdout(), /not-the-password-at-all|:p@/);
        t.ok(performance.now() - start < 30_000);
      }),
    ),
  );
});
