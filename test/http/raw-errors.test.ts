import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { ErrorCode } from '../../src/errors.ts';
import { startApp } from '../support/app.ts';
import { registerAndLogIn } from '../support/people.ts';
import { exchange, listen } from '../support/raw-client.ts';
import { refused } from '../support/refused.ts';

const post = 'POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';

const unparsable: Record<string, [bytes: string, code: ErrorCode]> = {
  garbage: ['garbage\r\n\r\n', 'MALFORMED_REQUEST'],
  'a TLS handshake': ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'MALFORMED_REQUEST'],
  'a space in a header name': ['GET /livez HTTP/1.1\r\nHost: x\r\nBad Name: x\r\n\r\n', 'MALFORMED_REQUEST'],
  'a control character in a header': [
    'GET /livez HTTP/1.1\r\nHost: x\r\nA: \x01\r\n\r\n',
    'MALFORMED_REQUEST',
  ],
  // RFC 9112 §6.3: may be request smuggling
  'both lengths': [
    `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    'MALFORMED_REQUEST',
  ],
  'two lengths': [`${post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, 'MALFORMED_REQUEST'],
  'a length that is no number': [`${post}Content-Length: abc\r\n\r\n`, 'MALFORMED_REQUEST'],
  'a broken chunk': [`${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n`, 'MALFORMED_REQUEST'],
  'HTTP/9.9': ['GET /livez HTTP/9.9\r\nHost: x\r\n\r\n', 'MALFORMED_REQUEST'],
  'HTTP/2': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'MALFORMED_REQUEST'],
  'an unknown method': ['FOO /livez HTTP/1.1\r\nHost: x\r\n\r\n', 'MALFORMED_REQUEST'],
  'a header of 8 MB, most of it unread': [
    `GET /livez HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(8_000_000)}\r\n\r\n`,
    'HEADERS_TOO_LARGE',
  ],
  'a path of 20 kB': [`GET /${'a'.repeat(20_000)} HTTP/1.1\r\nHost: x\r\n\r\n`, 'HEADERS_TOO_LARGE'],
  CONNECT: ['CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n', 'METHOD_NOT_ALLOWED'],
};

const unacceptable: Record<string, [bytes: string, code: ErrorCode]> = {
  'no Host': ['GET /livez HTTP/1.1\r\n\r\n', 'MALFORMED_REQUEST'],
  'no Host for an unknown path': ['GET /nope HTTP/1.1\r\n\r\n', 'MALFORMED_REQUEST'],
  'two Hosts': ['GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 'MALFORMED_REQUEST'],
  'an unknown expectation': [`${post}Expect: nonsense\r\nContent-Length: 2\r\n\r\n{}`, 'EXPECTATION_FAILED'],
};

t.test('what is no valid request', async (t) => {
  const gatehouse = await startApp(t);
  const port = await listen(gatehouse);

  for (const [name, [bytes, code]] of Object.entries({ ...unparsable, ...unacceptable })) {
    t.test(name, async (t) => {
      const answer = await exchange(port, bytes);
      refused(t, answer, code);
      t.ok(answer.closed, 'and the connection is closed');
      t.equal(answer.headers['connection'], 'close');
      t.equal(answer.headers['x-content-type-options'], 'nosniff');
      t.equal(answer.headers['content-security-policy'], "default-src 'none';frame-ancestors 'none'");
      t.equal(Number(answer.headers['content-length']), Buffer.byteLength(JSON.stringify(answer.body)));
      t.equal(answer.headers['allow'], code === 'METHOD_NOT_ALLOWED' ? '' : undefined);
      await sleep(20);
      const lines = gatehouse.logLines.filter(({ reqId }) => reqId === answer.headers['x-request-id']);
      t.match(lines.at(-1), { msg: 'request', status: answer.status, error_code: code });
    });
  }

  t.test('no log line holds the bytes that were refused', async (t) => {
    await exchange(port, `${post}Bad Name: x\r\n\r\n{"password":"half a secret"}`);
    t.notMatch(JSON.stringify(gatehouse.logLines), /half a secret|104,97,108,102/);
  });

  t.test('HTTP/1.0 needs no Host, and 100-continue is met', async (t) => {
    t.equal((await exchange(port, 'GET /livez HTTP/1.0\r\n\r\n')).status, 200);
    const { text } = await exchange(port, `${post}Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}`, 300);
    t.match(text, /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 422 /);
  });
});

t.test('a request that comes too slowly', async (t) => {
  const gatehouse = await startApp(t);
  gatehouse.app.server.headersTimeout = 200;
  gatehouse.app.server.requestTimeout = 400;
  const port = await listen(gatehouse);
  for (const [name, bytes] of [
    ['headers', 'GET /livez HTTP/1.1\r\nHost: x\r\n'],
    ['body', `${post}Content-Length: 9\r\n\r\n{}`],
  ] as const) {
    t.test(name, async (t) => {
      const answer = await exchange(port, bytes);
      refused(t, answer, 'REQUEST_TIMEOUT');
      t.ok(answer.closed);
      t.equal(answer.text.split('HTTP/1.1 ').length, 2, 'one answer, no more');
    });
  }
});

t.test('a request that was refused for its slowness is not carried out after all', async (t) => {
  const gatehouse = await startApp(t);
  gatehouse.app.server.headersTimeout = 200;
  gatehouse.app.server.requestTimeout = 400;
  const { refreshToken, userId } = await registerAndLogIn(gatehouse);
  const body = JSON.stringify({ refresh_token: refreshToken });
  const socket = connect({ host: '127.0.0.1', port: await listen(gatehouse), allowHalfOpen: true });
  socket.on('error', () => {});
  socket.write('POST /api/v1/auth/refresh-token HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n');
  socket.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body.slice(0, -1)}`);
  const [answer] = await once(socket, 'data');
  t.match(String(answer), 'REQUEST_TIMEOUT');
  await sleep(50);
  socket.end(body.slice(-1));
  await sleep(500);
  const { rows } = await gatehouse.database.client.query(
    'SELECT generation FROM refreshaccesstokens WHERE user_id = $1',
    [userId],
  );
  t.strictSame(rows, [{ generation: 1 }]);
});

t.test('a client that is still sending is not cut off before it can read its refusal', async (t) => {
  const port = await listen(await startApp(t));
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
  const events: unknown[] = [];
  socket.on('end', () => events.push('end'));
  socket.on('error', (error) => events.push(error));
  socket.write(`GET /livez HTTP/1.1\r\nHost: x\r\nA: ${'a'.repeat(8_000_000)}\r\n\r\n`);
  const [answer] = await once(socket, 'data');
  await sleep(300);
  socket.destroy();
  t.match(String(answer), 'HEADERS_TOO_LARGE');
  t.strictSame(events, ['end']);
});

t.test('garbage behind a request does not get its answer into the middle of the other', async (t) => {
  const gatehouse = await startApp(t);
  gatehouse.app.get('/slow', (_request, reply) => {
    reply.send(Readable.from(slowly()));
  });
  const port = await listen(gatehouse);
  const socket = connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (data) => {
    if (text === '') socket.write('garbage\r\n\r\n');
    text += data;
  });
  socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
  await new Promise((resolve) => socket.on('close', resolve));
  t.match(text, /^HTTP\/1\.1 200 /);
  t.notMatch(text, 'MALFORMED_REQUEST');
});

async function* slowly(): AsyncGenerator<string> {
  for (let i = 0; i < 10; i++) {
    yield 'part';
    await sleep(30);
  }
}

t.test('a client that hangs up within the body is no defect of ours', async (t) => {
  const gatehouse = await startApp(t);
  const port = await listen(gatehouse);
  const socket = connect(port, '127.0.0.1');
  socket.write(`${post}Content-Length: 9\r\n\r\n{}`);
  await sleep(100);
  socket.destroy();
  await sleep(200);
  t.match(gatehouse.logLines.at(-1), { msg: 'request', error_code: 'REQUEST_TIMEOUT' });
  t.notOk(gatehouse.logLines.some(({ level }) => Number(level) >= 40));
});

t.test('a header behind thousands of others counts like any other', async (t) => {
  const gatehouse = await startApp(t);
  const { accessToken } = await registerAndLogIn(gatehouse);
  const port = await listen(gatehouse);
  const many = 'a:\r\n'.repeat(2500);
  const request = (headers: string) =>
    exchange(port, `GET /api/v1/me HTTP/1.1\r\nConnection: close\r\n${headers}\r\n`);
  const token = `Authorization: Bearer ${accessToken}\r\n`;
  t.equal((await request(`${token}${many}Host: x\r\n`)).status, 200);
  refused(t, await request(`Host: x\r\n${token}${many}Authorization: Bearer x\r\n`), 'ACCESS_TOKEN_INVALID');
  refused(t, await request(`Host: x\r\n${token}${many}Host: y\r\n`), 'MALFORMED_REQUEST');
});
