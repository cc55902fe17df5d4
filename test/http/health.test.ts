import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { type Answer, startApp, type TestApp } from '../support/app.ts';
import { createDatabase, waitUntilBlocking } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';

// Milliseconds, longer than an answer is cached
const cacheOver = 1100;

function notReady(t: Test, answer: Answer, reason: string): void {
  t.equal(answer.status, 503);
  t.strictSame(answer.body, {
    detail: 'This instance is not ready to serve',
    error_code: 'NOT_READY',
    reason,
  });
  t.equal(answer.headers['retry-after'], '1');
  t.equal(answer.headers['cache-control'], 'no-store');
}

function ready(t: Test, answer: Answer): void {
  t.equal(answer.status, 200);
  t.strictSame(answer.body, { status: 'ok' });
  t.equal(answer.headers['cache-control'], 'no-store');
}

const probes = async ({ get }: TestApp) => ({
  livez: await get('/livez'),
  readyz: await get('/readyz'),
  startupz: await get('/startupz'),
});

t.test('the phases of a process', async (t) => {
  const gatehouse = await startApp(t);
  const { lifecycle } = gatehouse;

  lifecycle.phase = 'starting';
  const starting = await probes(gatehouse);
  ready(t, starting.livez);
  notReady(t, starting.readyz, 'starting');
  notReady(t, starting.startupz, 'starting');

  lifecycle.phase = 'serving';
  const serving = await probes(gatehouse);
  for (const answer of Object.values(serving)) ready(t, answer);

  lifecycle.phase = 'draining';
  const draining = await probes(gatehouse);
  ready(t, draining.livez);
  notReady(t, draining.readyz, 'draining');
  ready(t, draining.startupz);
  const line = gatehouse.logLines.find(({ reqId }) => reqId === draining.readyz.headers['x-request-id']);
  t.match(line, { route: '/readyz', status: 503, error_code: 'NOT_READY' });
});

t.test('the state of the database', async (t) => {
  const gatehouse = await startApp(t);
  const { get, database } = gatehouse;

  t.test('a missing migration is told apart', async (t) => {
    await database.client.query(
      'DELETE FROM pgmigrations WHERE id = (SELECT id FROM pgmigrations ORDER BY name DESC LIMIT 1)',
    );
    notReady(t, await get('/readyz'), 'schema_behind');
    ready(t, await get('/livez'));
  });

  t.test('no migrations at all are the same', async (t) => {
    const empty = await startApp(t, {
      database: await createDatabase(t, { empty: true }),
      hasher: gatehouse.hasher,
    });
    notReady(t, await empty.get('/readyz'), 'schema_behind');
  });

  t.test('a database that nobody answers for', async (t) => {
    const url = 'postgres://nobody:nothing@127.0.0.1:1/nowhere';
    const down = await startApp(t, { database: { ...database, url }, hasher: gatehouse.hasher });
    const { livez, readyz, startupz } = await probes(down);
    notReady(t, readyz, 'database');
    ready(t, livez);
    ready(t, startupz);
  });
});

t.test('a newer schema than the code knows can be served', async (t) => {
  const { get, database } = await startApp(t);
  await database.client.query(
    `INSERT INTO pgmigrations (name, run_on) VALUES ('9999_from-the-future', now())`,
  );
  ready(t, await get('/readyz'));
});

t.test('a database that takes no writes cannot be served from', async (t) => {
  const { get, database } = await startApp(t);
  await database.client.query(
    `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$`,
  );
  notReady(t, await get('/readyz'), 'database');
  ready(t, await get('/livez'));
});

t.test('readiness comes and goes', async (t) => {
  const { get, database } = await startApp(t);
  ready(t, await get('/readyz'));
  await database.client.query('ALTER TABLE pgmigrations RENAME TO gone');
  await sleep(cacheOver);
  notReady(t, await get('/readyz'), 'schema_behind');
  await database.client.query('ALTER TABLE gone RENAME TO pgmigrations');
  await sleep(cacheOver);
  ready(t, await get('/readyz'));
  await database.client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gatehouse-probe' AND datname = current_database()`,
  );
  await sleep(cacheOver);
  ready(t, await get('/readyz'));
});

t.test('a connection that breaks while it is asked over says nothing about the database', async (t) => {
  const { get, database } = await startApp(t);
  ready(t, await get('/readyz'));
  await sleep(cacheOver);
  await database.client.query('BEGIN; LOCK TABLE pgmigrations');
  const answer = get('/readyz');
  await waitUntilBlocking(database.client);
  const { rows } = await database.client.query<{ terminated: boolean }>(
    `SELECT pg_terminate_backend(pid) AS terminated FROM pg_stat_activity
     WHERE application_name = 'gatehouse-probe' AND datname = current_database()`,
  );
  t.strictSame(rows, [{ terminated: true }]);
  await database.client.query('ROLLBACK');
  ready(t, await answer);
});

t.test('however many ask, the database is asked twice a second', async (t) => {
  const database = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, database.url);
  const { get } = await startApp(t, { database: { ...database, url: proxy.url } });
  const ask = () => Promise.all(Array.from({ length: 100 }, () => get('/readyz')));
  for (const answer of [...(await ask()), ...(await ask())]) ready(t, answer);
  t.equal(proxy.countStatements('gatehouse-probe'), 1);
  await sleep(cacheOver);
  await ask();
  t.equal(proxy.countStatements('gatehouse-probe'), 2);
  for (let i = 0; i < 10; i++) await Promise.all([get('/livez'), get('/startupz')]);
  t.equal(proxy.countStatements('gatehouse-probe'), 2, 'the other probes ask nothing');
  t.equal(proxy.countStatements('gatehouse'), 0, 'and the pool is left alone');
});

t.test('a database that hangs makes no probe hang', async (t) => {
  const database = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, database.url);
  const gatehouse = await startApp(t, { database: { ...database, url: proxy.url } });
  const fresh = await startApp(t, { database: { ...database, url: proxy.url }, hasher: gatehouse.hasher });
  const idle = await startApp(t, { database: { ...database, url: proxy.url }, hasher: gatehouse.hasher });
  for (const { get } of [gatehouse, idle]) ready(t, await get('/readyz'));
  await fresh.app.ready();
  proxy.hang();
  await sleep(cacheOver);
  for (const [name, { get }] of Object.entries({ 'while connected': gatehouse, 'while connecting': fresh })) {
    t.test(name, async (t) => {
      const start = performance.now();
      const answer = get('/readyz');
      ready(t, await Promise.race([get('/livez'), answer]));
      notReady(t, await answer, 'database');
      t.ok(performance.now() - start < 1000, 'within a second');
    });
  }
  t.test('nor the end of the process', async (t) => {
    const start = performance.now();
    await Promise.all([gatehouse, idle, fresh].map(({ app }) => app.close()));
    t.ok(performance.now() - start < 2000);
  });
});

t.test('a saturated pool is no reason to be taken out of service', async (t) => {
  const gatehouse = await startApp(t, { env: { DATABASE_POOL_SIZE: '2' } });
  const { pool } = gatehouse.app.pg;
  await gatehouse.app.ready();
  const held = await Promise.all([pool.connect(), pool.connect()]);
  const waiting = pool.query('SELECT');
  t.equal(pool.waitingCount, 1);
  const start = performance.now();
  for (const answer of Object.values(await probes(gatehouse))) ready(t, answer);
  t.ok(performance.now() - start < 1000);
  for (const client of held) client.release();
  await waiting;
});
