import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { startApp } from '../support/app.ts';
import { createDatabase } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { addSessions, prunerOf, pruningReports, sessionIds } from '../support/ended-sessions.ts';
import { freePort, production, ready, run } from '../support/gatehouse-process.ts';

t.test('a service that listens prunes, unless told not to', async (t) => {
  const on = await startApp(t, { env: { SESSION_PRUNE_INTERVAL_SECONDS: '1' } });
  const off = await startApp(t, { env: { SESSION_PRUNE_INTERVAL_SECONDS: '0' } });
  for (const gatehouse of [on, off]) {
    await addSessions(gatehouse.database, { count: 3, expiresIn: '-1 s' });
    await gatehouse.app.listen({ host: '127.0.0.1', port: 0 });
  }
  while (pruningReports(on).length < 3) await sleep(20);
  t.strictSame(await sessionIds(on.database), []);
  t.match(pruningReports(on), [{ deleted: 3 }, { deleted: 0 }, { deleted: 0 }]);
  t.equal((await sessionIds(off.database)).length, 3);
  t.strictSame(pruningReports(off), []);
});

t.test('a database that is gone is reported once, and pruned when it is back', async (t) => {
  const database = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, database.url);
  const gatehouse = await startApp(t, { database: { ...database, url: proxy.url } });
  await addSessions(database, { count: 3, expiresIn: '-1 s' });
  const pruner = prunerOf(gatehouse, 0.05);
  const failures = () => gatehouse.logLines.filter(({ msg }) => /could not be pruned/.test(String(msg)));
  await proxy.refuse();
  pruner.start();
  while (pruner.status.failures < 3) await sleep(10);
  t.match(failures().slice(0, 3), [
    { level: 40, err: { code: 'DATABASE_UNAVAILABLE', cause: { code: 'ECONNREFUSED' } } },
    { level: 20 },
    { level: 20 },
  ]);
  t.match(pruner.status, { lastRunAt: null, backlog: null });
  await proxy.accept();
  while (pruner.status.failures > 0) await sleep(10);
  t.strictSame(await sessionIds(database), []);

  await proxy.refuse();
  while (pruner.status.failures === 0) await sleep(10);
  await pruner.stop();
  t.equal(failures().filter(({ level }) => level === 40).length, 2, 'and reported again when it goes again');
});

t.test('closing ends a drain within a batch', async (t) => {
  const gatehouse = await startApp(t, { env: { SESSION_PRUNE_INTERVAL_SECONDS: '1' } });
  await addSessions(gatehouse.database, { count: 60_000, expiresIn: '-1 s' });
  await gatehouse.app.listen({ host: '127.0.0.1', port: 0 });
  const left = () => sessionIds(gatehouse.database).then(({ length }) => length);
  while ((await left()) === 60_000) await sleep(10);
  const before = await left();
  await gatehouse.app.close();
  const after = await left();
  t.ok(after > 0 && after >= before - 5000, `${before} rows were left, and then ${after}`);
  t.match(pruningReports(gatehouse), [{ level: 30, deleted: 60_000 - after, backlog: after }]);
  t.notOk(gatehouse.logLines.some(({ level }) => Number(level) >= 40));
});

t.test('stopping waits for a database that hangs no longer than a statement may take', async (t) => {
  const database = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, database.url);
  const gatehouse = await startApp(t, { database: { ...database, url: proxy.url } });
  await addSessions(database, { count: 60_000, expiresIn: '-1 s' });
  const pruner = prunerOf(gatehouse, 0.01);
  pruner.start();
  while (pruner.status.totalDeleted === 0) await sleep(10);
  proxy.hang();
  const began = performance.now();
  await pruner.stop();
  t.ok(performance.now() - began < 10_000);
  const left = await sessionIds(database);
  t.ok(left.length > 0);
  proxy.resume();
  await sleep(200);
  t.strictSame(await sessionIds(database), left, 'and nothing comes after');
});

t.test('a server prunes and logs it', async (t) => {
  const database = await createDatabase(t);
  await addSessions(database, { count: 2500, expiresIn: '-1 s' });
  const port = await freePort();
  const gatehouse = run(t, 'server.js', {
    env: production(database.url, port, { SESSION_PRUNE_INTERVAL_SECONDS: '1' }),
  });
  await ready(gatehouse, port);
  while (!gatehouse.stdout().includes('pruned ended sessions')) await sleep(20);
  t.strictSame(await sessionIds(database), []);
  gatehouse.child.kill('SIGTERM');
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  const lines = pruningReports({ logLines: gatehouse.logLines() });
  t.match(lines, [{ level: 30, deleted: 2500, backlog: 0, ms: Number }]);
});
