import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { check } from '../support/contract.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { freePort, type Gatehouse, post, production, ready, run } from '../support/gatehouse-process.ts';
import { createLegacyTables } from '../support/legacy.ts';
import { newPerson } from '../support/people.ts';
import { openConnections } from '../support/pooler.ts';
import { fetchChecked } from '../support/watch.ts';

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
  const { gatehouse, origin, database } = await startService(t, { env: { SHUTDOWN_DELAY_MS: '3000' } });
  const { email, password, ...person } = newPerson();
  await post(origin, '/api/v1/register-user', { ...person, email, password });
  gatehouse.child.kill('SIGTERM');

  let readiness = await fetchChecked(`${origin}/readyz`);
  while (readiness.status === 200) readiness = await fetchChecked(`${origin}/readyz`);
  t.equal(readiness.status, 503);
  t.match(await readiness.json(), { error_code: 'NOT_READY', reason: 'draining' });
  t.equal((await fetchChecked(`${origin}/livez`)).status, 200);
  t.equal((await post(origin, '/api/v1/register-user', newPerson())).status, 201, 'traffic is still served');

  const login = await beginRequest(`${origin}/api/v1/auth/login`, JSON.stringify({ email, password }));
  while (await accepts(origin)) await sleep(20);
  t.equal(gatehouse.child.exitCode, null, 'nobody else gets in, and the request in flight is waited for');
  t.equal(await login.finish(), 200);
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  t.equal(gatehouse.logLines().at(-1)?.['msg'], 'closed');
  t.equal(await openConnections(database.client), 0);
});

/** Sends the head of a POST; resolves when the server has taken it. `finish` sends the body and gives the status. */
async function beginRequest(url: string, body: string): Promise<{ finish(): Promise<number | undefined> }> {
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    expect: '100-continue',
  };
  const outgoing = request(url, { method: 'POST', headers });
  outgoing.flushHeaders();
  await once(outgoing, 'continue');
  const finish = async () => {
    outgoing.end(body);
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    const { statusCode: status = 0, headers } = response;
    check({ method: 'POST', url: new URL(url).pathname, status, headers, body: await text(response) });
    return status;
  };
  return { finish };
}

function accepts(origin: string): Promise<boolean> {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

t.test('a SIGINT that comes twice, as npm passes on a Ctrl-C, is one signal: exit 0', async (t) => {
  const { gatehouse } = await startService(t, { env: { SHUTDOWN_DELAY_MS: '800' } });
  gatehouse.child.kill('SIGINT');
  await sleep(20);
  gatehouse.child.kill('SIGINT');
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  t.equal(gatehouse.logLines().at(-1)?.['msg'], 'closed');
});

t.test('a second signal exits at once', async (t) => {
  const { gatehouse } = await startService(t, { env: { SHUTDOWN_DELAY_MS: '60000' } });
  gatehouse.child.kill('SIGTERM');
  while (!gatehouse.stdout().includes('readiness is off')) await sleep(20);
  // Within half a second it would pass for the same signal
  await sleep(600);
  gatehouse.child.kill('SIGTERM');
  t.strictSame(await gatehouse.ended, { code: 1, signal: null });
  t.match(gatehouse.logLines().at(-1), { level: 50, msg: /second signal/ });
  t.notOk(
    gatehouse.logLines().some(({ msg }) => msg === 'closed'),
    'without closing first',
  );
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
      Array.from({ length: 100 }, async () => (await fetchChecked(`${origin}/livez`)).arrayBuffer()),
    );
  }
  await (await fetchChecked(`${origin}/the-last-request`)).arrayBuffer();
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
