import t from 'tap';
import type { SessionPruner } from '../../src/sessions/prune.ts';
import { pruningLock } from '../../src/storage/expired-sessions.ts';
import { startApp } from '../support/app.ts';
import type { TestDatabase } from '../support/database.ts';
import { addSessions, prunerOf, pruningReports, sessionIds } from '../support/ended-sessions.ts';
import { bearer, registerAndLogIn } from '../support/people.ts';
import { refused } from '../support/refused.ts';

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
    ...(await addSessions(database, { expiresIn: '30 seconds' })),
    ...(await addSessions(database, { idleFor: '13 days 23 hours 59 minutes 30 seconds' })),
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
  t.match(pruningReports(gatehouse), [{ level: 30, deleted: 2501, backlog: 0, ms: Number }]);

  t.equal(await pruner.pass(), 'done');
  t.match(pruner.status, { lastDeleted: 0, totalDeleted: 2501 });
  t.match(
    pruningReports(gatehouse).slice(1),
    [{ level: 20, deleted: 0 }],
    'nothing to tell is told to nobody',
  );
  t.equal(gatehouse.app.pg.pool.totalCount, 1, 'all of it took one connection');
});

t.test('sessions that ended by their idle limit are found in a walk through the table', async (t) => {
  const gatehouse = await startApp(t);
  const { database } = gatehouse;
  const idle = { idleFor: '14 days', expiresIn: '15 days' };
  const [before] = await addSessions(database, {});
  await addSessions(database, { ...idle, count: 3500 });
  const [after] = await addSessions(database, {});
  const living = [before, after];
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
    await database.client.query('TRUNCATE refreshaccesstokens RESTART IDENTITY');
    const ids = await addSessions(database, { ...idle, count: 5000 });
    await prunerOf(gatehouse).pass();
    const left = new Set(await sessionIds(database));
    found.add(ids.findIndex((id) => !left.has(id)));
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
  const { rows } = await client.query(
    `SELECT FROM pg_locks JOIN pg_database ON database = pg_database.oid
     WHERE locktype = 'advisory' AND datname = current_database()`,
  );
  t.equal(rows.length, 0, 'a lock ends with its statement');
});

/** From now on the table "deletions" tells which connection deleted each row, when, and since when it was at it. */
async function noteDeletions({ client }: TestDatabase): Promise<void> {
  await client.query(`
    CREATE TABLE deletions (connection integer, began timestamptz, at timestamptz);
    CREATE FUNCTION note_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN INSERT INTO deletions VALUES (pg_backend_pid(), now(), clock_timestamp()); RETURN NULL; END $$;
    CREATE TRIGGER deletion AFTER DELETE ON refreshaccesstokens FOR EACH ROW EXECUTE FUNCTION note_deletion()`);
}

t.test('a backlog goes 1,000 rows at a time, with a pause after each', async (t) => {
  const gatehouse = await startApp(t);
  const { database } = gatehouse;
  await noteDeletions(database);
  await addSessions(database, { count: 10_500, expiresIn: '-1 s' });
  t.equal(await prunerOf(gatehouse).pass(), 'done');
  const { rows } = await database.client.query<{ rows: number; pause: number | null }>(`
    SELECT count(*)::integer AS rows, extract(epoch FROM began - lag(max(at)) OVER (ORDER BY began))::float * 1000 AS pause
    FROM deletions GROUP BY began ORDER BY began`);
  t.strictSame(
    rows.map(({ rows }) => rows),
    [...Array.from({ length: 10 }, () => 1000), 500],
  );
  const pauses = rows.slice(1).map(({ pause }) => pause ?? 0);
  // A timer may be early by a part of a millisecond
  t.ok(Math.min(...pauses) >= 19, `${pauses.map((ms) => Math.round(ms)).join(', ')} ms`);
});

t.test('two replicas at once never delete at the same time', async (t) => {
  const gatehouse = await startApp(t);
  const { database } = gatehouse;
  const other = await startApp(t, { database, hasher: gatehouse.hasher });
  const { client } = database;
  await noteDeletions(database);
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
