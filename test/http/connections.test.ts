import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import Fastify from 'fastify';
import t, { type Test } from 'tap';
import connections, { type ConnectionLimits } from '../../src/http/connections.ts';
import { unparsedRefuser } from '../../src/http/raw-errors.ts';
import { startApp } from '../support/app.ts';
import { newPerson } from '../support/people.ts';
import { listen } from '../support/raw-client.ts';

const halfABody =
  'POST /body HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{';
const livez = 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\n';

function post(path: string, body: object): string {
  const text = JSON.stringify(body);
  const head = `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
  return `${head}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
}

interface Client {
  socket: Socket;
  /** All that has come so far. */
  text(): string;
  ended(): boolean;
}

/** Connects, sends, and gives the server a moment. */
async function openTo(t: Test, port: number, bytes: string, momentMs = 50): Promise<Client> {
  const socket = connect(port, '127.0.0.1');
  let text = '';
  let ended = false;
  socket.on('data', (data) => {
    text += data;
  });
  socket.on('error', () => {});
  socket.on('close', () => {
    ended = true;
  });
  socket.write(bytes);
  t.teardown(() => socket.destroy());
  await sleep(momentMs);
  return { socket, text: () => text, ended: () => ended };
}

const statuses = (text: string) =>
  [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status));

t.test('pipelined requests are carried out one after the other (RFC 9112 §9.3.2)', async (t) => {
  const port = await listen(await startApp(t));
  const person = newPerson();
  const { email, password } = person;
  const login = post('/api/v1/auth/login', { email, password });
  const register = post('/api/v1/register-user', person);
  const { text } = await openTo(t, port, `${register}${login}${register}${livez}`, 2000);
  t.strictSame(statuses(text()), [201, 200, 409, 200]);
});

t.test('who pipelines more than 32 requests behind one loses the connection', async (t) => {
  const gatehouse = await startApp(t);
  const port = await listen(gatehouse);
  t.equal(statuses((await openTo(t, port, livez.repeat(33), 500)).text()).length, 33);
  const { ended, text } = await openTo(t, port, livez.repeat(500), 500);
  t.ok(ended());
  t.ok(statuses(text()).length < 40);
  t.equal((await gatehouse.get('/livez')).status, 200);
});

t.test(
  'files that were asked for and not read are closed with the connection',
  { skip: process.platform === 'win32' },
  async (t) => {
    const port = await listen(await startApp(t));
    const openFiles = () => readdirSync('/dev/fd').length;
    const before = openFiles();
    const socket = connect(port, '127.0.0.1').pause();
    socket.write('GET /redoc/redoc.standalone.js HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(30));
    await sleep(500);
    t.ok(openFiles() <= before + 4, `${before} before, ${openFiles()} then`);
    socket.destroy();
    await sleep(500);
    t.ok(openFiles() <= before + 1, `${before} before, ${openFiles()} after`);
  },
);

/** A server with these limits and a large answer, and a way to connect to it. */
async function serve(t: Test, limits: ConnectionLimits) {
  const app = Fastify({
    forceCloseConnections: 'idle',
    requestTimeout: 1000,
    http: { headersTimeout: 1000, connectionsCheckingInterval: 100 },
    clientErrorHandler: unparsedRefuser(),
  });
  await app.register(connections, limits);
  app.get('/large', (_request, reply) => reply.send(Buffer.alloc(50_000_000)));
  app.get('/livez', async () => ({}));
  app.get('/slow', () => sleep(1500, {}));
  app.post('/body', async () => ({}));
  await app.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => app.close());
  const { port } = app.addresses()[0] as { port: number };
  const open = (bytes: string) => openTo(t, port, bytes);
  return { app, open };
}

t.test('a new connection takes the place of the one that has been waited for the longest', async (t) => {
  const { open } = await serve(t, { CONNECTIONS_MAX: 4 });
  const working = await open('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
  const keptAlive = await open(livez);
  const silent = await open('');
  const slow = await open(halfABody);
  const gone = () => [working, keptAlive, silent, slow].map(({ ended }) => ended());
  const served = async () => t.match((await open(livez)).text(), /^HTTP\/1\.1 200 /);
  t.strictSame(gone(), [false, false, false, false]);
  await served();
  t.strictSame(gone(), [false, false, true, false], 'the one that never asked');
  await served();
  t.strictSame(gone(), [false, false, true, true], 'the one that does not finish asking');
  await served();
  t.strictSame(gone(), [false, true, true, true], 'the one that is kept alive for nothing');
  await sleep(1500);
  t.match(working.text(), /^HTTP\/1\.1 200 /, 'and never the one that is being served');
});

t.test('an answer that is not read in time ends its connection, and so makes room', async (t) => {
  const { open } = await serve(t, { CONNECTIONS_MAX: 100, answerTimeoutMs: 1000 });
  const reader = await open('GET /large HTTP/1.1\r\nHost: x\r\n\r\n');
  const other = await open('GET /large HTTP/1.1\r\nHost: x\r\n\r\n');
  other.socket.pause();
  await sleep(2500);
  other.socket.resume();
  await sleep(1000);
  t.equal(other.ended(), true);
  t.ok(other.text().length < 50_000_000);
  t.equal(reader.ended(), false);
  t.ok(reader.text().length > 50_000_000);
});

t.test(
  'what is late behind requests that are being served ends the connection after the answer',
  async (t) => {
    const { open } = await serve(t, { CONNECTIONS_MAX: 100 });
    const slow = 'GET /slow HTTP/1.1\r\nHost: x\r\n\r\n';
    const noLastByte = await open(slow.repeat(3) + halfABody);
    const halfAHeader = await open(`${slow.repeat(3)}GET /livez HTTP/1.1\r\nA: `);
    const dripping = setInterval(() => halfAHeader.socket.write('a'), 200);
    t.teardown(() => clearInterval(dripping));
    const whole = await open(slow.repeat(3) + livez);
    await sleep(3200);
    t.strictSame([noLastByte.ended(), halfAHeader.ended(), whole.ended()], [true, true, false]);
    t.strictSame(
      [noLastByte, halfAHeader].map(({ text }) => statuses(text())),
      [[200], [200]],
    );
    await sleep(1800);
    t.strictSame(statuses(whole.text()), [200, 200, 200, 200]);
  },
);

t.test('who does not send or read holds up no shutdown', async (t) => {
  const { app, open } = await serve(t, { CONNECTIONS_MAX: 100, closeTimeoutMs: 500 });
  const silent = await open('');
  await sleep(1000);
  const justOpened = await open('');
  await open('GET /livez HT');
  await open(`${livez}GET /livez HT`);
  await open(halfABody);
  (await open('GET /large HTTP/1.1\r\nHost: x\r\n\r\n')).socket.pause();
  const start = performance.now();
  const closing = app.close();
  await sleep(100);
  t.ok(silent.ended(), 'nothing was asked: at once');
  t.notOk(justOpened.ended(), 'its request may be on its way');
  await closing;
  const ms = performance.now() - start;
  t.ok(ms > 400 && ms < 3000, `${Math.round(ms)} ms`);
});
