import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { SessionPruner } from '../../src/sessions/prune.ts';
import { pruningLock } from '../../src/storage/expired-sessions.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createDatabase } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { freePort, production, ready, run } from '../support/gatehouse-process.ts';
import { bearer, registerAndLogIn } from '../support/people.ts';
import { refused } from '../support/refused.ts';

interface Ages {
  count?: number;
  /** From now, as Postgres writes intervals. */
  expiresIn?: string;
  idleFor?: string;
}

/** Adds sessions with an idle limit of 14 days to a user of their own; returns their ids. */
async function addSessions(
  { client }: TestApp['database'],
  { count = 1, expiresIn = '1 day', idleFor = '1 day' }: Ages,
): Promise<number[]> {
  const { rows } = await client.query<{ tokenid: string }>(
    `WITH owner AS (
       INSERT INTO users (name, email, location, password) VALUES ('Ada', gen_random_uuid() || '@example.com', '', 'x')
       RETURNING user_id
     )
     INSERT INTO refreshaccesstokens (tokens, user_id, created_at, rotated_at, expires_at, idle_seconds)
     SELECT sha256(gen_random_uuid()::text::bytea), user_id, now() - interval '29 days',
       now() - $2::interval, now() + $3::interval - i * interval '1 ms', 14 * 86400
     FROM owner, generate_series(1, $1::integer) AS i
     RETURNING tokenid`,
    [count, idleFor, expiresIn],
  );
  return rows.map(({ tokenid }) => Number(tokenid));
}

async function sessionIds({ client }: TestApp['database']): Promise<number[]> {
  const { rows } = await client.query('SELECT tokenid FROM refreshaccesstokens ORDER BY tokenid');
  return rows.map(({ tokenid }) => Number(tokenid));
}

const prunerOf = ({ app }: TestApp, intervalSeconds = 60) =>
  new SessionPruner({ db: app.pg.pool, logger: app.log, intervalSeconds });

const reports = ({ logLines }: TestApp) => logLines.filter(({ msg }) => msg === 'pruned ended sessions');

t.test('what has ended goes, and what lives stays', async (t) => {
  const gatehouse = await startApp(t);
  const { database, post, get } = gatehouse;
  const living = await registerAndLogIn(gatehouse);
  const ended = await registerAndLogIn(gatehouse);
  await database.client.query('UPDATE refreshaccesstokens SET expires_at = now() WHERE user_id = $1', [
    ended.userId,
  ]);
  await addSessions(database, { count: 2500, expiresIn: '-1 s' });
  const nearly = [
    ...(await addSessions(database, { expiresIn: '1 hour' })),
    ...(await addSessions(database, { idleFor: '13 days 23 hours' })),
  ];
  const pruner = prunerOf(gatehouse);
  t.strictSame(pruner.status, {
    lastRunAt: null,
    lastDeleted: 0,
    totalDeleted: 0,
    backlog: null,
    failures: 0,
  });

  t.equal(await pruner.pass(), 'done');
  const left = await sessionIds(database);
  t.equal(left.length, 3);
  t.strictSame(left.slice(1), nearly);
  t.equal((await post('/api/v1/auth/refresh-token', { refresh_token: living.refreshToken })).status, 200);
  refused(t, await get('/api/v1/me', bearer(ended.accessToken)), 'SESSION_ENDED');

  const { lastRunAt, ...status } = pruner.status;
  t.strictSame(status, { lastDeleted: 2501, totalDeleted: 2501, backlog: 0, failures: 0 });
  const { rows } = await database.client.query<{ ago: number }>(
    'SELECT extract(epoch FROM now())::float - $1 AS ago',
    [lastRunAt],
  );
  t.ok(Math.abs(rows[0]?.ago ?? Number.NaN) < 60, 'seconds since the epoch');
  t.match(reports(gatehouse), [{ level: 30, deleted: 2501, backlog: 0, ms: Number }]);

  t.equal(await pruner.pass(), 'done');
  t.match(pruner.status, { lastDeleted: 0, totalDeleted: 2501 });
  t.match(reports(gatehouse).slice(1), [{ level: 20, deleted: 0 }], 'nothing to tell is told to nobody');
  t.equal(gatehouse.app.pg.pool.totalCount, 1, 'all of it took one connection');
});

t.test('sessions that ended by their idle limit are found in a walk through the table', async (t) => {
  const gatehouse = await startApp(t);
  const { database } = gatehouse;
  const idle = { idleFor: '14 days', expiresIn: '15 days' };
  const living = [
    ...(await addSessions(database, {})),
    ...(await addSessions(database, { ...idle, count: 3500 })).slice(0, 0),
    ...(await addSessions(database, {})),
  ];
  const pruner = prunerOf(gatehouse);
  let passes = 0;
  for (; (await sessionIds(database)).length > living.length; passes++) {
    if (passes === 6) throw new Error('the walk does not come round');
    await pruner.pass();
    t.ok(pruner.status.lastDeleted <= 1000, 'a small window at a time');
  }
  t.strictSame(await sessionIds(database), living);

  const found = new Set<number>();
  for (let restart = 0; restart < 5; restart++) {
    const ids = await addSessions(database, { ...idle, count: 5000 });
    await prunerOf(gatehouse).pass();
    const left = new Set(await sessionIds(database));
    found.add(ids.findIndex((id) => !left.has(id)));
    await database.client.query('DELETE FROM refreshaccesstokens WHERE tokenid = ANY ($1)', [ids]);
  }
  t.ok(found.size > 1, 'and begins in another place each time');
});

t.test('a replica that finds another one pruning does nothing, and says so', async (t) => {
  const gatehouse = await startApp(t);
  const { client } = gatehouse.database;
  await addSessions(gatehouse.database, { count: 3, expiresIn: '-1 s' });
  await addSessions(gatehouse.database, { count: 3, idleFor: '14 days' });
  const pruner = prunerOf(gatehouse);
  await client.query('BEGIN');
  await client.query('SELECT pg_advisory_xact_lock($1)', [pruningLock]);
  t.equal(await pruner.pass(), 'elsewhere');
  t.equal((await sessionIds(gatehouse.database)).length, 6);
  t.match(pruner.status, { lastRunAt: null, totalDeleted: 0, backlog: null });
  t.match(
    gatehouse.logLines.filter(({ msg }) => msg === 'another replica is pruning sessions'),
    [{ level: 20 }],
  );

  await client.query('COMMIT');
  for (let pass = 0; pass < 2; pass++) t.equal(await pruner.pass(), 'done');
  t.match(pruner.status, { totalDeleted: 6, backlog: 0 });
  const { rows } = await client.query("SELECT FROM pg_locks WHERE locktype = 'advisory'");
  t.equal(rows.length, 0, 'a lock ends with its statement');
});

t.test('two replicas at once never delete at the same time', async (t) => {
  const gatehouse = await startApp(t);
  const { database } = gatehouse;
  const other = await startApp(t, { database, hasher: gatehouse.hasher });
  const { client } = database;
  await client.query(`
    CREATE TABLE deletions (connection integer, at timestamptz);
    CREATE FUNCTION note_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO deletions VALUES (pg_backend_pid(), clock_timestamp()); RETURN NULL; END $$;
    CREATE TRIGGER deletion AFTER DELETE ON refreshaccesstokens FOR EACH ROW EXECUTE FUNCTION note_deletion()`);
  const count = 30_000;
  await addSessions(database, { count, expiresIn: '-1 s' });

  const replicas = [prunerOf(gatehouse), prunerOf(other)];
  const outcomes = new Set<string>();
  const drain = async (pruner: SessionPruner) => {
    while ((await sessionIds(database)).length > 0) outcomes.add(await pruner.pass());
  };
  await Promise.all(replicas.map(drain));
  const deleted = replicas.map(({ status }) => status.totalDeleted);
  t.ok(
    deleted.every((each) => each > 0),
    `they deleted ${deleted.join(' and ')}`,
  );
  t.equal(
    deleted.reduce((sum, each) => sum + each, 0),
    count,
  );
  t.ok(outcomes.has('elsewhere'), 'they met');

  const { rows: turns } = await client.query<{ rows: number; connections: number }>(`
    SELECT count(*)::integer AS rows, count(DISTINCT connection)::integer AS connections
    FROM (SELECT *, (row_number() OVER (ORDER BY at) - 1) / 1000 AS batch FROM deletions) AS numbered
    GROUP BY batch`);
  t.strictSame(
    turns,
    Array.from({ length: count / 1000 }, () => ({ rows: 1000, connections: 1 })),
    'each 1,000 rows in a row were deleted by one connection',
  );
});

t.test('a row that is locked is left for another time', async (t) => {
  const gatehouse = await startApp(t);
  const { database } = gatehouse;
  const { client } = database;
  const pruner = prunerOf(gatehouse);
  const expired = await addSessions(database, { count: 5, expiresIn: '-1 s' });
  await client.query('BEGIN');
  await client.query('SELECT FROM refreshaccesstokens WHERE tokenid = $1 FOR UPDATE', [expired[2]]);
  // Whoever waits here meets the lock timeout
  t.equal(await pruner.pass(), 'done');
  t.strictSame(await sessionIds(database), expired.slice(2, 3));
  t.match(pruner.status, { lastDeleted: 4, backlog: 1 });
  await client.query('COMMIT');
  await pruner.pass();
  t.strictSame(await sessionIds(database), []);
  t.match(pruner.status, { lastDeleted: 1, backlog: 0 });

  const idle = await addSessions(database, { count: 5, idleFor: '14 days' });
  await client.query('BEGIN');
  await client.query('UPDATE refreshaccesstokens SET rotated_at = now() WHERE tokenid = $1', [idle[2]]);
  for (let pass = 0; pass < 2; pass++) t.equal(await pruner.pass(), 'done');
  t.strictSame(await sessionIds(database), idle.slice(2, 3));
  await client.query('COMMIT');
  for (let pass = 0; pass < 2; pass++) t.equal(await pruner.pass(), 'done');
  t.strictSame(await sessionIds(database), idle.slice(2, 3), 'a refresh that came first keeps its session');
});

t.test('a service that listens prunes, unless told not to', async (t) => {
  const on = await startApp(t, { env: { SESSION_PRUNE_INTERVAL_SECONDS: '1' } });
  const off = await startApp(t, { env: { SESSION_PRUNE_INTERVAL_SECONDS: '0' } });
  for (const gatehouse of [on, off]) {
    await addSessions(gatehouse.database, { count: 3, expiresIn: '-1 s' });
    await gatehouse.app.listen({ host: '127.0.0.1', port: 0 });
  }
  while (reports(on).length < 3) await sleep(20);
  t.strictSame(await sessionIds(on.database), []);
  t.match(reports(on), [{ deleted: 3 }, { deleted: 0 }, { deleted: 0 }]);
  t.equal((await sessionIds(off.database)).length, 3);
  t.strictSame(reports(off), []);
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
  t.match(reports(gatehouse), [{ level: 30, deleted: 60_000 - after, backlog: after }]);
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
  const lines = gatehouse.logLines().filter(({ msg }) => msg === 'pruned ended sessions');
  t.match(lines, [{ level: 30, deleted: 2500, backlog: 0, ms: Number }]);
});
