import type pg from 'pg';
import t from 'tap';
import { type Answer, startApp } from '../support/app.ts';
import { createDatabase, waitUntilBlocking } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { bearer, newPerson, registerAndLogIn } from '../support/people.ts';
import { isPooled, pooledRole } from '../support/pooler.ts';

t.test('a database that is not available for a while', async (t) => {
  const database = await createDatabase(t);
  const role = await createRole(t, database.client);
  const theirs = new URL(database.url);
  theirs.username = role;
  theirs.password = 'first';
  const proxy = await startDatabaseProxy(t, theirs.href);
  const gatehouse = await startApp(t, { database: { ...database, url: proxy.url } });
  const { get, post } = gatehouse;
  const person = await registerAndLogIn(gatehouse);

  const own = database.client;
  const me = () => get('/api/v1/me', bearer(person.accessToken));
  const register = () => post('/api/v1/register-user', newPerson());
  const refresh = () => post('/api/v1/auth/refresh-token', { refresh_token: person.refreshToken });
  const terminate = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`;
  /** The service has to notice that connections which it does not use have ended. */
  const noticed = () => new Promise((resolve) => setTimeout(resolve, 150));
  const disconnect = async () => {
    await own.query(terminate);
    await noticed();
  };
  const onceBlocking = async (sql: string) => {
    await waitUntilBlocking(own);
    await own.query(sql);
  };

  /** How to break it and mend it again, which request notices, and the cause that is logged. */
  const cases: {
    name: string;
    fail: () => Promise<unknown> | undefined;
    mend: () => Promise<unknown> | undefined;
    request: () => Promise<Answer>;
    cause: RegExp;
    /** What is noticed instead behind a pooler, which logs in by itself and later. */
    pooled?: RegExp;
  }[] = [
    {
      name: 'that refuses connections',
      fail: () => proxy.refuse(),
      mend: () => proxy.accept(),
      request: me,
      // The last, when it is written to before it is known to have ended
      cause: /ECONNREFUSED|Connection terminated|EPIPE|ECONNRESET/,
    },
    {
      name: 'that hangs, with connections open',
      fail: async () => proxy.hang(),
      mend: async () => proxy.resume(),
      request: me,
      cause: /Query read timeout/,
    },
    {
      name: 'that hangs for whoever connects',
      fail: async () => {
        await disconnect();
        proxy.hang();
      },
      mend: async () => proxy.resume(),
      request: me,
      cause: /timeout/,
    },
    {
      name: 'that ends a connection during a query',
      fail: async () => {
        await own.query('BEGIN; LOCK TABLE users');
        onceBlocking(terminate);
      },
      mend: async () => {
        await own.query('COMMIT');
        // All of them were ended, not only the one of the query
        await noticed();
      },
      request: me,
      cause: /terminating connection|Connection terminated/,
    },
    {
      name: 'that cancels a query',
      fail: async () => {
        await own.query('BEGIN; LOCK TABLE users');
        onceBlocking(terminate.replace('terminate', 'cancel'));
      },
      mend: () => own.query('COMMIT'),
      request: me,
      cause: /canceling statement due to user request/,
    },
    {
      name: 'where a row is locked',
      fail: () => own.query('BEGIN; SELECT FROM refreshaccesstokens FOR UPDATE'),
      mend: () => own.query('COMMIT'),
      request: refresh,
      cause: /lock timeout/,
    },
    {
      name: 'where a statement takes too long',
      fail: () =>
        own.query(`
          CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(20); RETURN new; END';
          CREATE TRIGGER slow BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION slow()`),
      mend: () => own.query('DROP FUNCTION slow CASCADE'),
      request: register,
      cause: /statement timeout/,
    },
    {
      name: 'that has no connections left',
      fail: async () => {
        await own.query(`ALTER ROLE ${role} CONNECTION LIMIT 0`);
        await disconnect();
      },
      mend: () => own.query(`ALTER ROLE ${role} CONNECTION LIMIT -1`),
      request: me,
      cause: /too many connections/,
      pooled: /too many connections|Query read timeout|server login has been failing/,
    },
    {
      name: 'that is read-only, as a standby is',
      fail: async () => {
        await own.query(`ALTER ROLE ${role} SET default_transaction_read_only = on`);
        await disconnect();
      },
      mend: async () => {
        await own.query(`ALTER ROLE ${role} RESET default_transaction_read_only`);
        await disconnect();
      },
      request: register,
      cause: /read-only transaction/,
      pooled: /read-only transaction|server login has been failing/,
    },
    {
      name: 'whose password was changed',
      fail: async () => {
        await own.query(`ALTER ROLE ${role} PASSWORD 'second'`);
        await disconnect();
      },
      mend: () => own.query(`ALTER ROLE ${role} PASSWORD 'first'`),
      request: me,
      cause: /password authentication failed/,
      pooled: /authentication failed|server login has been failing|Query read timeout/,
    },
  ];

  // A pooler tries again half a second after a login of its own was refused (server_login_retry)
  const wholeAgain = async () => {
    const end = performance.now() + (isPooled ? 2500 : 0);
    let answer = await me();
    while (answer.status !== 200 && performance.now() < end) answer = await me();
    return answer.status;
  };

  for (const { name, fail, mend, request, cause, pooled = cause } of cases) {
    await t.test(name, async (t) => {
      await fail();
      gatehouse.logLines.length = 0;
      const start = performance.now();
      const { status, body, headers } = await request();
      const seconds = (performance.now() - start) / 1000;
      await mend();
      t.equal(status, 503);
      t.equal(body['error_code'], 'DATABASE_UNAVAILABLE');
      t.equal(headers['retry-after'], '1');
      t.ok(seconds < 5, `${seconds} s`);
      t.match(
        gatehouse.logLines.find((line) => line['error_code'] === 'DATABASE_UNAVAILABLE'),
        { level: 50, err: { message: isPooled ? pooled : cause } },
      );
      t.equal(await wholeAgain(), 200, 'whole again at once');
      t.equal((await register()).status, 201);
    });
  }

  await t.test('that ends a connection while it is idle is not even noticed', async (t) => {
    t.equal((await me()).status, 200);
    await disconnect();
    t.equal((await me()).status, 200);
  });

  await t.test('a defect of ours is no unavailability', async (t) => {
    await own.query('ALTER TABLE users RENAME TO elsewhere');
    const { status, body } = await register();
    await own.query('ALTER TABLE elsewhere RENAME TO users');
    t.equal(status, 500);
    t.equal(body['error_code'], 'INTERNAL_ERROR');
    t.equal((await register()).status, 201);
  });
});

t.test('a pool with all connections in use', async (t) => {
  const gatehouse = await startApp(t, { env: { DATABASE_POOL_SIZE: '1' } });
  const person = await registerAndLogIn(gatehouse);
  const { client } = gatehouse.database;
  await client.query('BEGIN; SELECT FROM refreshaccesstokens FOR UPDATE');
  const refresh = gatehouse.post('/api/v1/auth/refresh-token', { refresh_token: person.refreshToken });
  await waitUntilBlocking(client);
  const { status, body } = await gatehouse.get('/api/v1/me', bearer(person.accessToken));
  t.equal(status, 503);
  t.equal(body['error_code'], 'DATABASE_UNAVAILABLE');
  await client.query('COMMIT');
  t.equal((await refresh).status, 200);
  t.equal((await gatehouse.get('/api/v1/me', bearer(person.accessToken))).status, 200);
});

async function createRole(t: Parameters<typeof createDatabase>[0], client: pg.Client): Promise<string> {
  const role = `gatehouse_service_${process.pid}`;
  await client.query(`
    CREATE ROLE ${role} LOGIN PASSWORD 'first';
    GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role};
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO ${role};
    ${pooledRole(role)}`);
  t.teardown(() => client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`));
  return role;
}
