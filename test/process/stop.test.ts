import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { freePort, type Gatehouse, post, production, ready, run } from '../support/gatehouse-process.ts';
import { createLegacyTables } from '../support/legacy.ts';
import { newPerson } from '../support/people.ts';

async function startService(
  t: Parameters<typeof createDatabase>[0],
  { env = {}, nodeOptions = [] }: { env?: Record<string, string>; nodeOptions?: string[] } = {},
): Promise<{ gatehouse: Gatehouse; origin: string; database: TestDatabase }> {
  const database = await createDatabase(t);
  const port = await freePort();
  const gatehouse = run(t, 'server.js', { env: production(database.url, port, env), nodeOptions });
  return { gatehouse, origin: await ready(gatehouse, port), database };
}

t.test('SIGTERM: not ready, serving for the delay, what is in flight finishes, exit 0', async (t) => {
  const { gatehouse, origin, database } = await startService(t, { env: { SHUTDOWN_DELAY_MS: '1500' } });
  const person = newPerson();
  const { body } = await post(origin, '/api/v1/register-user', person);
  gatehouse.child.kill('SIGTERM');
  const signalled = performance.now();
  await sleep(200);

  const readiness = await fetch(`${origin}/readyz`);
  t.equal(readiness.status, 503);
  t.match(await readiness.json(), { error_code: 'NOT_READY', reason: 'draining' });
  t.equal((await fetch(`${origin}/livez`)).status, 200);
  t.equal((await post(origin, '/api/v1/register-user', newPerson())).status, 201, 'traffic is still served');

  await sleep(1100 - (performance.now() - signalled));
  // A login that waits for a lock when the delay ends
  await database.client.query('BEGIN');
  await database.client.query('SELECT FROM users WHERE user_id = $1 FOR UPDATE', [body['user_id']]);
  const login = post(origin, '/api/v1/auth/login', { email: person.email, password: person.password });
  await sleep(1900 - (performance.now() - signalled));
  t.equal(gatehouse.child.exitCode, null);
  await t.rejects(fetch(`${origin}/livez`), 'nobody else gets in');
  await database.client.query('COMMIT');
  t.equal((await login).status, 200);
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  t.equal(gatehouse.logLines().at(-1)?.['msg'], 'closed');
  const { rows } = await database.client.query(
    `SELECT count(*)::integer AS connections FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'gatehouse%'`,
  );
  t.strictSame(rows, [{ connections: 0 }]);
});

t.test('SIGINT likewise, and it comes twice when npm passes on a Ctrl-C', async (t) => {
  const { gatehouse } = await startService(t, { env: { SHUTDOWN_DELAY_MS: '800' } });
  gatehouse.child.kill('SIGINT');
  await sleep(20);
  gatehouse.child.kill('SIGINT');
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
});

t.test('a second signal exits at once', async (t) => {
  const { gatehouse } = await startService(t, { env: { SHUTDOWN_DELAY_MS: '60000' } });
  gatehouse.child.kill('SIGTERM');
  await sleep(700);
  const second = performance.now();
  gatehouse.child.kill('SIGTERM');
  t.strictSame(await gatehouse.ended, { code: 1, signal: null });
  t.ok(performance.now() - second < 2000);
  t.match(gatehouse.logLines().at(-1), { level: 50, msg: /second signal/ });
});

t.test('a signal during the start ends it, and exit 0', async (t) => {
  const database = await createDatabase(t, { empty: true });
  await createLegacyTables(database.client);
  await database.client.query('BEGIN; LOCK TABLE users');
  const gatehouse = run(t, 'server.js', { env: production(database.url, await freePort()) });
  while (!gatehouse.stdout().includes('waiting for another migration')) await sleep(50);
  gatehouse.child.kill('SIGTERM');
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  await database.client.query('COMMIT');
  const { rows } = await database.client.query(`SELECT to_regclass('pgmigrations') AS table`);
  t.strictSame(rows, [{ table: null }]);
  t.equal(gatehouse.stderr(), '');
});

t.test('nothing that was logged is lost, however slow its reader is', async (t) => {
  const { gatehouse, origin } = await startService(t);
  // More than pipes and sockets hold
  const requests = 4000;
  gatehouse.child.stdout?.pause();
  for (let sent = 0; sent < requests; sent += 100) {
    await Promise.all(
      Array.from({ length: 100 }, async () => (await fetch(`${origin}/livez`)).arrayBuffer()),
    );
  }
  await (await fetch(`${origin}/the-last-request`)).arrayBuffer();
  gatehouse.child.kill('SIGTERM');
  await sleep(1000);
  t.equal(gatehouse.child.exitCode, null, 'it waits for the reader');
  gatehouse.child.stdout?.resume();
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  const lines = gatehouse.logLines().filter(({ msg }) => msg === 'request');
  t.equal(lines.filter(({ route }) => route === '/livez').length, requests);
  t.equal(lines.at(-1)?.['status'], 404);
});

t.test('an error that nothing catches is logged in one line, and exit 1', async (t) => {
  const plants = {
    exception: `throw Object.assign(new Error('planted\\n{"level":30,"msg":"forged"}'), { detail: 'secret row' })`,
    rejection: `Promise.reject(new Error('planted\\n{"level":30,"msg":"forged"}'))`,
  };
  for (const [name, code] of Object.entries(plants)) {
    await t.test(name, async (t) => {
      const planted = `process.on('SIGWINCH', () => { ${code} });`;
      const { gatehouse } = await startService(t, {
        env: { SHUTDOWN_DELAY_MS: '60000' },
        nodeOptions: ['--import', `data:text/javascript,${encodeURIComponent(planted)}`],
      });
      gatehouse.child.kill('SIGWINCH');
      t.strictSame(await gatehouse.ended, { code: 1, signal: null });
      const lines = gatehouse.logLines();
      t.match(
        lines.find(({ level }) => level === 60),
        { msg: 'closing after an error that nothing caught', err: { message: /^planted\n/, stack: String } },
      );
      t.notOk(lines.some(({ msg }) => msg === 'forged'));
      t.notMatch(gatehouse.stdout(), 'secret row');
    });
  }
});
