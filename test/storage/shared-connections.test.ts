import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { timeouts } from '../../src/storage/connection.ts';
import type { Statement } from '../../src/storage/query.ts';
import { startApp, type TestApp } from '../support/app.ts';
import { createDatabase, waitUntilBlocking } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { bearer, type LoggedInPerson, registerAndLogIn } from '../support/people.ts';
import { isPooled } from '../support/pooler.ts';

const onlyDirect = { skip: isPooled && 'nothing is shared behind a pooler' };

const me = ({ get }: TestApp, { accessToken }: LoggedInPerson) => get('/api/v1/me', bearer(accessToken));
const refresh = ({ post }: TestApp, { refreshToken }: LoggedInPerson) =>
  post('/api/v1/auth/refresh-token', { refresh_token: refreshToken });

/** With a person who is logged in, and with all shared connections open. */
async function startShared(t: Test, options: Parameters<typeof startApp>[1] = {}) {
  const gatehouse = await startApp(t, options);
  const person = await registerAndLogIn(gatehouse);
  await openAll(gatehouse, person);
  return { gatehouse, person };
}

async function openAll(gatehouse: TestApp, person: LoggedInPerson): Promise<void> {
  const { reads, refreshes } = gatehouse.app.sharedConnections;
  const end = performance.now() + 5000;
  while (reads?.open !== 1 || refreshes?.open !== 2) {
    if (performance.now() > end) throw new Error('the shared connections do not open');
    await me(gatehouse, person);
    // Of a session that there is not, so that the person's stays as it is
    await gatehouse.app.refreshes.query({ name: 'nothing', text: 'SELECT 1 AS one', values: [] });
    await sleep(10);
  }
}

/** Tells how often a connection of the pool has been handed out since. */
function countAcquired({ app }: TestApp): () => number {
  let acquired = 0;
  app.pg.pool.on('acquire', () => {
    acquired += 1;
  });
  return () => acquired;
}

t.test('many reads at once share one connection, and each gets its own answer', onlyDirect, async (t) => {
  const { gatehouse, person } = await startShared(t);
  const others = await Promise.all(Array.from({ length: 8 }, () => registerAndLogIn(gatehouse)));
  const people = [person, ...others];
  await me(gatehouse, person);
  const acquired = countAcquired(gatehouse);
  for (let round = 0; round < 20; round++) {
    const answers = await Promise.all(people.map((each) => me(gatehouse, each)));
    t.strictSame(
      answers.map(({ status, body }) => [status, body['email']]),
      people.map(({ email }) => [200, email]),
    );
  }
  // It is asked now and then, where the machine stands still for as long as a read is patient
  t.ok(acquired() < 20, `${acquired()} of 180 through the pool`);
  t.equal(gatehouse.app.sharedConnections.reads?.inFlight, 0);
});

t.test('a statement is parsed and described once on each connection', onlyDirect, async (t) => {
  const database = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, database.url);
  const { gatehouse, person } = await startShared(t, { database: { ...database, url: proxy.url } });
  await me(gatehouse, person);
  proxy.messages.length = 0;
  for (let times = 0; times < 5; times++) t.equal((await me(gatehouse, person)).status, 200);
  // 'S' is Sync (PostgreSQL manual, 53.7)
  const types = proxy.messages.map(({ type }) => type);
  t.strictSame(types, Array.from({ length: 5 }, () => ['Bind', 'Execute', 'S']).flat());
});

t.test(
  'statements that wait for locks keep no others waiting: they go through the pool',
  onlyDirect,
  async (t) => {
    const { gatehouse, person } = await startShared(t);
    const people = await Promise.all(Array.from({ length: 7 }, () => registerAndLogIn(gatehouse)));
    const [second, ...others] = people as [LoggedInPerson, ...LoggedInPerson[]];
    const { client } = gatehouse.database;
    await client.query('BEGIN');
    await client.query(
      'SELECT FROM refreshaccesstokens WHERE user_id IN (SELECT user_id FROM users WHERE email = ANY ($1)) FOR UPDATE',
      [[person.email, second.email]],
    );
    // One on each connection
    const late = [person, second].map((each) => refresh(gatehouse, each));
    await waitUntilBlocking(client, 2);
    await sleep(50);
    t.equal(gatehouse.app.sharedConnections.refreshes?.inFlight, 2);
    const acquired = countAcquired(gatehouse);
    const began = performance.now();
    const answers = await Promise.all(others.map((each) => refresh(gatehouse, each)));
    const milliseconds = performance.now() - began;
    t.strictSame(
      answers.map(({ status }) => status),
      others.map(() => 200),
    );
    t.equal(acquired(), others.length);
    t.ok(milliseconds < 1000, `${milliseconds} ms`);
    await client.query('COMMIT');
    for (const answer of await Promise.all(late)) t.equal(answer.status, 200);
  },
);

t.test('a lock on a whole table keeps nobody waiting for those before them', onlyDirect, async (t) => {
  const { gatehouse, person } = await startShared(t);
  const { client } = gatehouse.database;
  await client.query('BEGIN; LOCK TABLE users');
  const began = performance.now();
  const waited = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const { status, body } = await me(gatehouse, person);
      t.equal(status, 503);
      t.equal(body['error_code'], 'DATABASE_UNAVAILABLE');
      return performance.now() - began;
    }),
  );
  // Each alone would have waited for the lock; one after the other they would have for four times as long
  t.ok(Math.max(...waited) < timeouts.query + 500, `${waited.map(Math.round)} ms`);
  t.ok(Math.min(...waited) >= timeouts.lock, `${waited.map(Math.round)} ms`);
  await client.query('COMMIT');
  t.equal((await me(gatehouse, person)).status, 200);
});

t.test('an error of one statement is not one of those beside it', onlyDirect, async (t) => {
  const { gatehouse } = await startShared(t);
  const divide = (by: number): Statement => ({
    name: 'divide',
    text: 'SELECT 6 / $1::integer AS six',
    values: [by],
  });
  const { reads } = gatehouse.app;
  await reads.query(divide(1));
  const results = await Promise.allSettled([1, 0, 2, 0, 3].map((by) => reads.query(divide(by))));
  t.match(results, [
    { status: 'fulfilled', value: { rows: [{ six: 6 }] } },
    { status: 'rejected', reason: { code: '22012' } },
    { status: 'fulfilled', value: { rows: [{ six: 3 }] } },
    { status: 'rejected', reason: { code: '22012' } },
    { status: 'fulfilled', value: { rows: [{ six: 2 }] } },
  ]);
});

t.test(
  'a connection that has become read-only, as of a leader that steps down, is left',
  onlyDirect,
  async (t) => {
    const { gatehouse, person } = await startShared(t);
    const readOnly = {
      name: 'step_down',
      text: "SELECT set_config('default_transaction_read_only', 'on', false)",
      values: [],
    };
    for (let times = 0; times < 4; times++) await gatehouse.app.refreshes.query(readOnly);
    const answers: number[] = [];
    for (let times = 0; times < 4; times++) answers.push((await refresh(gatehouse, person)).status);
    t.ok(answers.filter((status) => status === 503).length <= 2, `${answers}: each connection refuses once`);
    t.equal(answers.at(-1), 200);
  },
);

t.test('a connection that knows a table as it was before a migration is left', onlyDirect, async (t) => {
  const { gatehouse } = await startShared(t);
  const { app, database } = gatehouse;
  await database.client.query('CREATE TABLE changing (a integer); INSERT INTO changing VALUES (1)');
  for (const [use, size] of [
    ['reads', 1],
    ['refreshes', 2],
  ] as const) {
    const statement = { name: `all_for_${use}`, text: 'SELECT * FROM changing', values: [] };
    // While one connection learns the statement, the other is given it
    await Promise.all(Array.from({ length: size }, () => app[use].query(statement)));
    await database.client.query(`ALTER TABLE changing ADD ${use} integer`);
    for (let times = 0; times < size; times++) await t.rejects(app[use].query(statement), { code: '0A000' });
    t.match((await app[use].query(statement)).rows, [{ a: 1, [use]: null }]);
  }
});

t.test('a statement that is refused when it is first parsed', onlyDirect, async (t) => {
  const { gatehouse } = await startShared(t);
  const { reads } = gatehouse.app;
  const broken = { name: 'broken', text: 'SELECT FROM nothing_of_that_name', values: [] };
  const results = await Promise.allSettled([reads.query(broken), reads.query(broken)]);
  t.match(results, [{ reason: { code: '42P01' } }, { reason: { code: '42P01' } }]);
  await t.rejects(reads.query(broken), { code: '42P01' });
  await t.rejects(reads.query({ ...broken, name: 'odd', values: [{}] }), TypeError);
  t.strictSame((await reads.query({ name: 'sound', text: 'SELECT 1 AS one', values: [] })).rows, [
    { one: 1 },
  ]);
});

t.test(
  'what is under way when a connection is lost fails, and what comes then does not',
  onlyDirect,
  async (t) => {
    const { gatehouse, person } = await startShared(t);
    const { client } = gatehouse.database;
    await client.query('BEGIN; LOCK TABLE users');
    const lost = Array.from({ length: 5 }, () => me(gatehouse, person));
    await waitUntilBlocking(client);
    await client.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gatehouse' AND wait_event_type = 'Lock'`,
    );
    for (const { status, body } of await Promise.all(lost)) {
      t.equal(status, 503);
      t.equal(body['error_code'], 'DATABASE_UNAVAILABLE');
    }
    await client.query('COMMIT');
    t.equal((await me(gatehouse, person)).status, 200);
    t.ok(gatehouse.logLines.some(({ msg }) => msg === 'a shared database connection broke'));
    await openAll(gatehouse, person);
    t.equal((await me(gatehouse, person)).status, 200);
  },
);

t.test('a connection that is ended while it is idle fails nobody', onlyDirect, async (t) => {
  const { gatehouse, person } = await startShared(t);
  await gatehouse.database.client.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gatehouse' AND datname = current_database()`,
  );
  const { reads, refreshes } = gatehouse.app.sharedConnections;
  const end = performance.now() + 2000;
  while (reads?.open !== 0 || refreshes?.open !== 0) {
    if (performance.now() > end) throw new Error('the shared connections are not given up');
    await sleep(5);
  }
  t.equal((await me(gatehouse, person)).status, 200);
  await openAll(gatehouse, person);
});

t.test('an outage is told once, with its end', onlyDirect, async (t) => {
  const database = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, database.url);
  const { gatehouse, person } = await startShared(t, { database: { ...database, url: proxy.url } });
  const { reads } = gatehouse.app.sharedConnections;
  await proxy.refuse();
  const began = performance.now();
  // Long enough for three tries to open it
  while (performance.now() - began < 2500) {
    t.equal((await me(gatehouse, person)).body['error_code'], 'DATABASE_UNAVAILABLE');
    await sleep(50);
  }
  t.equal(reads?.open, 0);
  t.equal(reads?.failing, 1);
  await proxy.accept();
  await sleep(1000);
  await openAll(gatehouse, person);
  t.equal(reads?.failing, 0);
  const said = (line: string) => gatehouse.logLines.filter(({ msg }) => msg === line).length;
  t.equal(said('a shared database connection cannot be opened'), 1);
  t.equal(said('a shared database connection is open again'), 1);
});

t.test('a line on which nothing comes any more is given up', onlyDirect, async (t) => {
  const database = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, database.url);
  const { gatehouse, person } = await startShared(t, { database: { ...database, url: proxy.url } });
  proxy.hang();
  const began = performance.now();
  const [first, second] = await Promise.all([me(gatehouse, person), me(gatehouse, person)]);
  const milliseconds = performance.now() - began;
  t.equal(first?.body['error_code'], 'DATABASE_UNAVAILABLE');
  t.equal(second?.body['error_code'], 'DATABASE_UNAVAILABLE');
  t.ok(milliseconds >= timeouts.query && milliseconds < timeouts.query + 1000, `${milliseconds} ms`);
  proxy.resume();
  const end = performance.now() + 3000;
  while ((await me(gatehouse, person)).status !== 200) if (performance.now() > end) break;
  await openAll(gatehouse, person);
  t.equal((await me(gatehouse, person)).status, 200);
});

t.test('the connections end with the app', onlyDirect, async (t) => {
  const { gatehouse } = await startShared(t);
  await gatehouse.app.close();
  // Postgres ends a backend a moment after its connection
  const end = performance.now() + 2000;
  let open: number | undefined;
  while (open !== 0 && performance.now() < end) {
    const { rows } = await gatehouse.database.client.query<{ open: number }>(
      `SELECT count(*)::int AS open FROM pg_stat_activity WHERE application_name = 'gatehouse' AND datname = current_database()`,
    );
    open = rows[0]?.open;
  }
  t.equal(open, 0);
});

t.test('without prepared statements nothing is shared', async (t) => {
  const gatehouse = await startApp(t, { env: { DATABASE_PREPARED_STATEMENTS: 'false' } });
  t.strictSame(gatehouse.app.sharedConnections, {});
  t.equal((await me(gatehouse, await registerAndLogIn(gatehouse))).status, 200);
});
