import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import t, { type Test } from 'tap';
import { connectionOptions } from '../../src/storage/connection.ts';
import { SharedConnection } from '../../src/storage/shared-connection.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { isPooled } from '../support/pooler.ts';

const onlyDirect = { skip: isPooled && 'nothing is shared behind a pooler' };

const ofBackend = (seconds: number) => ({
  name: 'backend',
  text: 'SELECT pg_backend_pid() AS pid, pg_sleep($1)::text',
  values: [seconds],
});

function shared(t: Test, url: string, lifetimeMs = 60_000) {
  const warnings: string[] = [];
  const connection = new SharedConnection({
    client: { ...connectionOptions(url), query_timeout: undefined, pipeline: true },
    log: { info: () => {}, warn: (_facts: unknown, message: string) => void warnings.push(message) },
    lifetimeMs,
  });
  t.teardown(() => connection.close());
  return { connection, warnings };
}

/** Sends it as soon as it need not wait. */
async function backend(connection: SharedConnection, seconds: number): Promise<number | undefined> {
  const statement = ofBackend(seconds);
  const end = performance.now() + 5000;
  for (;;) {
    const now = performance.now();
    connection.keepOpen(now);
    if (connection.waitMs(statement.name, now) === 0)
      return (await connection.query<{ pid: number }>(statement, now)).rows[0]?.pid;
    if (now > end) throw new Error('the connection does not open');
    await sleep(5);
  }
}

const backends = async ({ client }: TestDatabase) => {
  const { rows } = await client.query<{ pid: number }>(
    `SELECT pid FROM pg_stat_activity WHERE application_name = 'gatehouse' AND datname = current_database()`,
  );
  return rows.map(({ pid }) => pid);
};

t.test(
  'its successor takes over when its time is over, and it answers what it was asked',
  onlyDirect,
  async (t) => {
    const database = await createDatabase(t);
    const { connection, warnings } = shared(t, database.url, 1500);
    const first = await backend(connection, 0);
    t.equal(await backend(connection, 0), first);
    await sleep(1300);
    const slow = backend(connection, 0.5);
    await sleep(250);
    const next = backend(connection, 0);
    while (connection.inFlight > 0) {
      t.ok(connection.isOpen);
      await sleep(5);
    }
    const second = await next;
    t.not(second, first);
    t.equal(await slow, first);
    const end = performance.now() + 2000;
    while ((await backends(database)).length > 1 && performance.now() < end) await sleep(20);
    t.strictSame(await backends(database), [second], 'the former one is gone');
    t.strictSame(warnings, []);
  },
);

t.test('those that are opened together are not renewed together', onlyDirect, async (t) => {
  const { url } = await createDatabase(t);
  const connections = Array.from({ length: 20 }, () => shared(t, url, 60_000).connection);
  const pids = () => Promise.all(connections.map((connection) => backend(connection, 0)));
  const opened = await pids();
  const now = performance.now();
  /** Waits for as many as should be, or a moment for them to be more. */
  const renewedAfter = async (milliseconds: number, atLeast: number) => {
    for (const connection of connections) connection.keepOpen(now + milliseconds);
    const end = performance.now() + 5000;
    for (;;) {
      await sleep(500);
      const current = await pids();
      const renewed = current.filter((pid, index) => pid !== opened[index]).length;
      if (renewed >= atLeast || performance.now() > end) return renewed;
    }
  };
  t.equal(await renewedAfter(50_000, 0), 0);
  const some = await renewedAfter(57_000, 1);
  t.ok(some > 0 && some < 20, `${some} of 20`);
  t.equal(await renewedAfter(61_000, 20), 20);
});

t.test('so many statements may be under way, and no more', onlyDirect, async (t) => {
  const { url } = await createDatabase(t);
  const { connection } = shared(t, url);
  await backend(connection, 0);
  const now = performance.now();
  const all = Array.from({ length: 128 }, () => connection.query(ofBackend(0), now));
  t.equal(connection.inFlight, 128);
  t.equal(connection.waitMs('backend', now), Number.POSITIVE_INFINITY);
  await all[0];
  t.ok(connection.waitMs('backend', performance.now()) < 1000);
  await Promise.all(all);
  t.equal(connection.inFlight, 0);
  t.equal(connection.waitMs('backend', performance.now()), 0);
});

t.test('one that is ended again and again is opened once a second', onlyDirect, async (t) => {
  const database = await createDatabase(t);
  const { connection, warnings } = shared(t, database.url);
  const seen = new Set<number>();
  const end = performance.now() + 2500;
  while (performance.now() < end) {
    connection.keepOpen(performance.now());
    for (const pid of await backends(database)) {
      seen.add(pid);
      await database.client.query('SELECT pg_terminate_backend($1)', [pid]);
    }
    await sleep(10);
  }
  t.ok(seen.size >= 2 && seen.size <= 3, `${seen.size} connections in 2.5 s`);
  t.ok(warnings.length >= 1 && warnings.length <= seen.size, `${warnings.length} warnings`);
});

t.test('it can be closed while it is being opened', onlyDirect, async (t) => {
  const database = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, database.url);
  const { connection } = shared(t, proxy.url);
  proxy.openAfter(300);
  connection.keepOpen(performance.now());
  await connection.close();
  t.notOk(connection.isOpen);
  const end = performance.now() + 2000;
  while ((await backends(database)).length > 0 && performance.now() < end) await sleep(20);
  t.strictSame(await backends(database), []);
  connection.keepOpen(performance.now() + 5000);
  await sleep(500);
  t.strictSame(await backends(database), [], 'and is not opened any more');
});

/** To the database, which nobody may do who is connected to it. */
async function disallowConnections({ url }: TestDatabase): Promise<void> {
  const administrative = Object.assign(new URL(url), { pathname: '/postgres' });
  const client = new pg.Client(administrative.href);
  await client.connect();
  await client.query(`ALTER DATABASE "${new URL(url).pathname.slice(1)}" ALLOW_CONNECTIONS false`);
  await client.end();
}

t.test(
  'one whose successor cannot be opened serves on, and then makes room for it',
  onlyDirect,
  async (t) => {
    const database = await createDatabase(t);
    // What it goes by is the time that it is told
    const { connection, warnings } = shared(t, database.url, 10_000);
    const first = await backend(connection, 0);
    await disallowConnections(database);
    const later = performance.now() + 11_000;
    connection.keepOpen(later);
    while (warnings.length === 0) await sleep(5);
    t.strictSame(warnings, ['a shared database connection cannot be opened']);
    t.ok(connection.isFailing(later));
    t.notOk(connection.isFailing(later + 62_000), 'nobody has tried since');
    t.equal(connection.waitMs('backend', later), 0);
    t.equal((await connection.query<{ pid: number }>(ofBackend(0), later)).rows[0]?.pid, first);
    connection.keepOpen(later + 11_000);
    t.notOk(connection.isOpen);
    const end = performance.now() + 2000;
    while ((await backends(database)).length > 0 && performance.now() < end) await sleep(20);
    t.strictSame(await backends(database), []);
  },
);
