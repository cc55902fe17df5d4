import { createServer } from 'node:net';
import { setImmediate as immediate, setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { createDatabase } from '../support/database.ts';
import { type DatabaseProxy, startDatabaseProxy } from '../support/database-proxy.ts';
import { freePort, type Gatehouse, post, production, ready, run } from '../support/gatehouse-process.ts';
import { newPerson } from '../support/people.ts';
import { isPooled } from '../support/pooler.ts';
import { fetchChecked } from '../support/watch.ts';

interface Waiting {
  gatehouse: Gatehouse;
  proxy: DatabaseProxy;
  origin: string;
  port: number;
}

async function startWithoutDatabase(t: Test, { empty = false } = {}): Promise<Waiting> {
  const { url } = await createDatabase(t, { empty });
  const proxy = await startDatabaseProxy(t, url);
  await proxy.refuse();
  const port = await freePort();
  const gatehouse = run(t, 'server.js', { env: production(proxy.url, port) });
  await untilLogged(gatehouse, 'waiting for the database');
  return { gatehouse, proxy, origin: `http://127.0.0.1:${port}`, port };
}

async function untilLogged(gatehouse: Gatehouse, words: string): Promise<void> {
  const end = performance.now() + 20_000;
  while (!gatehouse.stdout().includes(words)) {
    if (performance.now() > end) throw new Error(`never logged "${words}": ${gatehouse.stdout()}`);
    await sleep(20);
  }
}

t.test('a start waits for a database that is not there yet, and says so', async (t) => {
  const { gatehouse, proxy, origin, port } = await startWithoutDatabase(t, { empty: true });
  const [line] = gatehouse.logLines().filter(({ msg }) => String(msg).startsWith('waiting'));
  t.match(line, { level: 40, msg: /^waiting for the database: connect ECONNREFUSED .*Check DATABASE_URL/ });

  t.equal((await fetchChecked(`${origin}/livez`)).status, 200, 'alive');
  for (const probe of ['/readyz', '/startupz']) {
    const answer = await fetchChecked(`${origin}${probe}`);
    t.equal(answer.status, 503);
    t.match(await answer.json(), { error_code: 'NOT_READY', reason: 'starting' }, probe);
  }
  t.equal((await fetchChecked(`${origin}/openapi.json`)).status, 200, 'what needs no database is served');
  const answer = await fetchChecked(`${origin}/api/v1/register-user`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(newPerson()),
  });
  t.equal(answer.status, 503);
  t.match(await answer.json(), { error_code: 'DATABASE_UNAVAILABLE' });
  t.match(answer.headers.get('retry-after'), /^[1-9]\d*$/);

  await proxy.accept();
  const came = performance.now();
  await ready(gatehouse, port, 5);
  t.ok(performance.now() - came < 3000, 'the migrations included');
  t.equal((await post(origin, '/api/v1/register-user', newPerson())).status, 201);
});

t.test('one that hangs is waited for, too', async (t) => {
  const silent = createServer(() => {}).listen(0, '127.0.0.1');
  await new Promise((resolve) => silent.once('listening', resolve));
  t.teardown(() => silent.close());
  const { port } = silent.address() as { port: number };
  const gatehouse = run(t, 'server.js', {
    env: production(`postgres://u:p@127.0.0.1:${port}/x`, await freePort()),
  });
  await untilLogged(gatehouse, 'waiting for the database: timeout');
  t.notMatch(gatehouse.stdout(), /u:p@/);
});

t.test('one that falls silent while the schema is looked at is waited for, and found again', async (t) => {
  const { url } = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, url);
  const port = await freePort();
  const gatehouse = run(t, 'server.js', { env: production(proxy.url, port) });
  // Before the answer can come through
  while (!proxy.messages.some(({ sql }) => sql.includes('to_regclass'))) await immediate();
  proxy.hang();
  await untilLogged(gatehouse, 'waiting for the database: Query read timeout');
  proxy.resume();
  await ready(gatehouse, port, 10);
});

t.test('and a host whose name is not known yet', async (t) => {
  const url = 'postgres://u:p@there-is-none.invalid/x';
  const gatehouse = run(t, 'server.js', { env: production(url, await freePort()) });
  await untilLogged(gatehouse, 'waiting for the database: getaddrinfo');
});

t.test('a signal ends the wait, and the process with 0', async (t) => {
  const { gatehouse } = await startWithoutDatabase(t);
  const start = performance.now();
  gatehouse.child.kill('SIGTERM');
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  t.ok(performance.now() - start < 3000);
});

t.test('a migration waits like a start', async (t) => {
  const { url } = await createDatabase(t, { empty: true });
  const proxy = await startDatabaseProxy(t, url);
  await proxy.refuse();
  const migration = run(t, 'migrate.js', { env: { DATABASE_URL: proxy.url } });
  await untilLogged(migration, 'waiting for the database: connect ECONNREFUSED');
  await proxy.accept();
  t.strictSame(await migration.ended, { code: 0, signal: null });
  t.match(migration.stdout(), /applied migration 0001/);
});

t.test('a pooler that is not there yet is waited for, and then its role is looked at', async (t) => {
  const { url } = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, url);
  await proxy.refuse();
  const port = await freePort();
  const pooled = { DATABASE_PREPARED_STATEMENTS: 'false', DATABASE_MIGRATION_URL: url };
  const gatehouse = run(t, 'server.js', { env: production(proxy.url, port, pooled) });
  await untilLogged(gatehouse, 'waiting for the database: connect ECONNREFUSED');
  await proxy.accept();
  if (isPooled) await ready(gatehouse, port);
  else {
    t.strictSame(await gatehouse.ended, { code: 1, signal: null });
    t.match(
      gatehouse.stderr(),
      /the role itself needs these settings: .*ALTER ROLE \S+ SET statement_timeout/,
    );
  }
});
