import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { violations } from '../support/contract.ts';
import { createDatabase, type TestDatabase, waitUntilBlocking } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { freePort, type Gatehouse, post, production, ready, run } from '../support/gatehouse-process.ts';
import { newPerson } from '../support/people.ts';

interface Service {
  gatehouse: Gatehouse;
  origin: string;
  port: number;
  database: TestDatabase;
}

async function startService(
  t: Parameters<typeof createDatabase>[0],
  { delay, url }: { delay: number; url?: (database: TestDatabase) => Promise<string> },
): Promise<Service> {
  const database = await createDatabase(t);
  const port = await freePort();
  const env = production((await url?.(database)) ?? database.url, port, { SHUTDOWN_DELAY_MS: String(delay) });
  const gatehouse = run(t, 'server.js', { env });
  return { gatehouse, port, database, origin: await ready(gatehouse, port) };
}

/** SIGTERM; resolves once it is noticed. */
async function terminate({ gatehouse }: Service): Promise<void> {
  gatehouse.child.kill('SIGTERM');
  while (!gatehouse.stdout().includes('readiness is off')) await sleep(10);
}

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: gatehouse\r\n\r\n`;

/** A connection on which bytes are written as they are, and whatever comes back is kept. */
async function rawConnection(port: number): Promise<{ socket: Socket; received: () => string }> {
  const socket = connect(port, '127.0.0.1');
  let received = '';
  socket.setEncoding('utf8').on('data', (data: string) => {
    received += data;
  });
  await once(socket, 'connect');
  return { socket, received: () => received };
}

t.test('every answer of a process that ends is the last of its connection', async (t) => {
  const service = await startService(t, { delay: 1500 });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const ask = async (path: string, body?: object) => {
    const headers = { 'content-type': 'application/json' };
    const outgoing = request(`${service.origin}${path}`, { agent, headers, method: body ? 'POST' : 'GET' });
    outgoing.end(body && JSON.stringify(body));
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    const { statusCode: status = 0, headers: answered } = response;
    const answer = { status, headers: answered, body: await text(response) };
    t.strictSame(violations({ method: body ? 'POST' : 'GET', url: path, ...answer }), []);
    return { status, connection: answered.connection };
  };
  t.strictSame(await ask('/livez'), { status: 200, connection: 'keep-alive' });

  await terminate(service);
  t.strictSame(await ask('/readyz'), { status: 503, connection: 'close' });
  t.strictSame(await ask('/api/v1/register-user', newPerson()), { status: 201, connection: 'close' });
  t.strictSame(await ask('/api/v1/me'), { status: 401, connection: 'close' });
  t.strictSame(await ask('/nowhere'), { status: 404, connection: 'close' });
  t.strictSame(await service.gatehouse.ended, { code: 0, signal: null });
});

t.test('pipelined requests are all answered, and only the last answer says so', async (t) => {
  const service = await startService(t, { delay: 1500 });
  const during = await rawConnection(service.port);
  // Its first line is in, so that it is still open when the others are closed
  const after = await rawConnection(service.port);
  after.socket.write('GET /livez HTTP/1.1\r\n');
  await terminate(service);
  const pipeline = get('/livez') + get('/readyz') + get('/api/v1/me');
  during.socket.write(pipeline);
  await once(during.socket, 'close');
  await sleep(1700);
  t.equal(service.gatehouse.child.exitCode, null);
  after.socket.write(`Host: gatehouse\r\n\r\n${pipeline}`);
  await once(after.socket, 'close');
  t.strictSame(await service.gatehouse.ended, { code: 0, signal: null });

  for (const [{ received }, statuses] of [
    [during, ['200', '503', '401']],
    [after, ['200', '200', '503', '401']],
  ] as const) {
    t.strictSame(
      [...received().matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status),
      statuses,
    );
    t.equal(received().match(/^connection: close/gim)?.length, 1);
    t.match(received().split('HTTP/1.1').at(-1), /^connection: close/im);
  }
});

t.test('what follows the last answer of a connection is not carried out', async (t) => {
  const service = await startService(t, { delay: 1500 });
  await terminate(service);
  const { email, ...person } = newPerson();
  const body = JSON.stringify({ email, ...person });
  const registration = `POST /api/v1/register-user HTTP/1.1\r\nHost: gatehouse\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
  const { socket, received } = await rawConnection(service.port);
  // In the packets that follow, as the answer is on its way
  socket.on('error', () => {});
  socket.setNoDelay(true).once('data', () => socket.write(registration));
  socket.write(get('/livez'));
  await once(socket, 'close');
  t.strictSame(await service.gatehouse.ended, { code: 0, signal: null });
  t.notMatch(received(), '201');
  const { rows } = await service.database.client.query('SELECT email FROM users WHERE email = $1', [email]);
  t.strictSame(rows, []);
});

t.test(
  'connections that were opened in time are served, however late the process is to accept them',
  async (t) => {
    const service = await startService(t, { delay: 500 });
    await terminate(service);
    service.gatehouse.child.kill('SIGSTOP');
    const clients = await Promise.all(Array.from({ length: 100 }, () => rawConnection(service.port)));
    const closed = clients.map(({ socket }) => {
      socket.on('error', (error) => t.error(error));
      socket.write(get('/livez'));
      return once(socket, 'close');
    });
    await sleep(600);
    service.gatehouse.child.kill('SIGCONT');
    await Promise.all(closed);
    t.equal(clients.filter(({ received }) => received().startsWith('HTTP/1.1 200')).length, 100);
    t.strictSame(await service.gatehouse.ended, { code: 0, signal: null });
  },
);

t.test('clients that never finish their requests do not hold the exit', async (t) => {
  const service = await startService(t, { delay: 0 });
  const { socket } = await rawConnection(service.port);
  socket.on('error', () => {});
  socket.write(get('/livez').slice(0, -2));
  // Until it has come in: nothing would be waited for else
  await sleep(200);
  await terminate(service);
  const began = performance.now();
  t.strictSame(await service.gatehouse.ended, { code: 0, signal: null });
  const took = performance.now() - began;
  // It is given 5 s, and its headers would be late after 8
  t.ok(took > 4500 && took < 7500, `${took} ms`);
  t.equal(service.gatehouse.logLines().at(-1)?.['msg'], 'closed');
});

t.test(
  'connections that have just been accepted are served, whatever the process did not get round to read',
  async (t) => {
    const service = await startService(t, { delay: 0 });
    const clients = await Promise.all(Array.from({ length: 20 }, () => rawConnection(service.port)));
    service.gatehouse.child.kill('SIGSTOP');
    const closed = clients.map(({ socket }) => {
      socket.on('error', (error) => t.error(error));
      socket.write(get('/livez'));
      return once(socket, 'close');
    });
    service.gatehouse.child.kill('SIGTERM');
    await sleep(200);
    service.gatehouse.child.kill('SIGCONT');
    await Promise.all(closed);
    t.equal(clients.filter(({ received }) => received().startsWith('HTTP/1.1 200')).length, 20);
    t.strictSame(await service.gatehouse.ended, { code: 0, signal: null });
  },
);

t.test('pipelined requests that wait for a lock one after the other do not hold the exit', async (t) => {
  const service = await startService(t, { delay: 0 });
  const { client } = service.database;
  await client.query('BEGIN; LOCK TABLE users');
  const { socket, received } = await rawConnection(service.port);
  const { email, password } = newPerson();
  const body = JSON.stringify({ email, password });
  const login = `POST /api/v1/auth/login HTTP/1.1\r\nHost: gatehouse\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  socket.write(login.repeat(33));
  await waitUntilBlocking(client);
  const began = performance.now();
  await terminate(service);
  await once(socket, 'close');
  t.strictSame(await service.gatehouse.ended, { code: 0, signal: null });
  t.ok(performance.now() - began < 8000);
  const last = received().split('HTTP/1.1').at(-1);
  t.match(last, /^ 503 /);
  t.match(last, /^connection: close/im);
  await client.query('COMMIT');
});

t.test('a statement that waits for a lock does not hold the exit', async (t) => {
  const service = await startService(t, { delay: 0 });
  const { client } = service.database;
  await client.query('BEGIN; LOCK TABLE users');
  const registration = post(service.origin, '/api/v1/register-user', newPerson());
  await waitUntilBlocking(client);
  const began = performance.now();
  await terminate(service);
  t.match(await registration, { status: 503, body: { error_code: 'DATABASE_UNAVAILABLE' } });
  t.strictSame(await service.gatehouse.ended, { code: 0, signal: null });
  t.ok(performance.now() - began < 5000);
  await client.query('COMMIT');
  const { rows } = await client.query('SELECT count(*)::int AS users FROM users');
  t.strictSame(rows, [{ users: 0 }], 'what was refused is not done later');
});

t.test('a database that has stopped answering does not hold the exit', async (t) => {
  let hang = () => {};
  const service = await startService(t, {
    delay: 0,
    url: async (database) => {
      const proxy = await startDatabaseProxy(t, database.url);
      hang = () => proxy.hang();
      return proxy.url;
    },
  });
  await post(service.origin, '/api/v1/register-user', newPerson());
  hang();
  const began = performance.now();
  const registration = post(service.origin, '/api/v1/register-user', newPerson());
  await sleep(500);
  await terminate(service);
  t.match(await registration, { status: 503, body: { error_code: 'DATABASE_UNAVAILABLE' } });
  t.strictSame(await service.gatehouse.ended, { code: 0, signal: null });
  t.ok(performance.now() - began < 6000);
});
