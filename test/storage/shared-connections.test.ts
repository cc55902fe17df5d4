import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { connectionOptions, timeouts } from '../../src/storage/connection.ts';
import type { Statement } from '../../src/storage/query.ts';
import { SharedConnection } from '../../src/storage/shared-connection.ts';
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

t.test('many reads at once share one connection, and each gets its own answer', onlyDirect, async (t) => {
  const { gatehouse, person } = await startShared(t);
  const others = await Promise.all(Array.from({ length: 8 }, () => registerAndLogIn(gatehouse)));
  const people = [person, ...others];
  await me(gatehouse, person);
  let acquired = 0;
  gatehouse.app.pg.pool.on('acquire', () => {
    acquired += 1;
  });
  for (let round = 0; round < 20; round++) {
    const answers = await Promise.all(people.map((each) => me(gatehouse, each)));
    t.strictSame(
      answers.map(({ status, body }) => [status, body['email']]),
      people.map(({ email }) => [200, email]),
    );
  }
  // It is asked now and then, where the machine stands still for as long as a read is patient
  t.ok(acquired < 20, `${acquired} of 180 through the pool`);
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
  'a statement that waits for a lock keeps no other waiting: they go through the pool',
  onlyDirect,
  async (t) => {
    const { gatehouse, person } = await startShared(t);
    const others = await Promise.all(Array.from({ length: 6 }, () => registerAndLogIn(gatehouse)));
    const { client } = gatehouse.database;
    const { rows } = await client.query('SELECT max(user_id) AS id FROM users');
    t.ok(rows.length);
    await client.query('BEGIN');
    await client.query(
      'SELECT FROM refreshaccesstokens WHERE user_id = (SELECT user_id FROM users WHERE email = $1) FOR UPDATE',
      [person.email],
    );
    const late = refresh(gatehouse, person);
    await waitUntilBlocking(client);
    await sleep(50);
    const began = performance.now();
    const answers = await Promise.all(others.map((each) => refresh(gatehouse, each)));
    const milliseconds = performance.now() - began;
    t.strictSame(
      answers.map(({ status }) => status),
      others.map(() => 200),
    );
    t.ok(milliseconds < 1000, `${milliseconds} ms`);
    await client.query('COMMIT');
    t.equal((await late).status, 200);
  },
);

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

t.test(
  'a connection is opened anew when its time is over, and what it was asked before is answered',
  async (t) => {
    const { url } = await createDatabase(t);
    const warnings: unknown[] = [];
    const connection = new SharedConnection({
      client: { ...connectionOptions(url), query_timeout: undefined, pipeline: true },
      log: { warn: (facts: unknown) => void warnings.push(facts) },
      lifetimeMs: 300,
    });
    t.teardown(() => connection.close());
    const backend = async (seconds: number) => {
      const statement = {
        name: 'backend',
        text: 'SELECT pg_backend_pid() AS pid, pg_sleep($1)::text',
        values: [seconds],
      };
      const end = performance.now() + 5000;
      for (;;) {
        const now = performance.now();
        if (connection.waitMs(statement.name, now) === 0)
          return connection.query<{ pid: number }>(statement, now);
        if (now > end) throw new Error('the connection does not open');
        await sleep(5);
      }
    };
    const first = (await backend(0)).rows[0]?.pid;
    t.equal((await backend(0)).rows[0]?.pid, first);
    const slow = backend(0.5);
    await sleep(350);
    const next = (await backend(0)).rows[0]?.pid;
    t.ok(next !== undefined && next !== first);
    t.equal((await slow).rows[0]?.pid, first);
    t.strictSame(warnings, []);
  },
);
