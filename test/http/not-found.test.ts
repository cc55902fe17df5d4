import type { HTTPMethods } from 'fastify';
import t from 'tap';
import { type Answer, startApp } from '../support/app.ts';
import { exchange, listen } from '../support/raw-client.ts';
import { refused } from '../support/refused.ts';

t.test('paths and methods', async (t) => {
  const gatehouse = await startApp(t);
  const { app } = gatehouse;
  const port = await listen(gatehouse);

  async function send(method: string, url: string, headers = {}, payload = ''): Promise<Answer> {
    const response = await app.inject({ method: method as HTTPMethods, url, headers, payload });
    const body =
      response.headers['content-type'] === 'application/json; charset=utf-8' && method !== 'HEAD'
        ? response.json()
        : {};
    return { status: response.statusCode, headers: response.headers, body };
  }

  for (const url of [
    '/nope',
    '/api/v1/me/',
    '//api/v1/me',
    '/api//v1/me',
    '/API/V1/ME',
    '/auth/user/1/2',
    '/docs/static/nope.css',
    '/docs/static/..%2f..%2f..%2fpackage.json',
    '/favicon.ico',
  ]) {
    t.test(`there is nothing at ${url}`, async (t) => refused(t, await send('GET', url), 'NOT_FOUND'));
  }

  t.test('an unknown path is refused before its body is read', async (t) => {
    refused(t, await send('POST', '/nope', { 'content-type': 'no/such; type' }, 'x'), 'NOT_FOUND');
    refused(t, await send('POST', '/nope', { 'content-type': 'application/json' }, '{'), 'NOT_FOUND');
    refused(
      t,
      await send('POST', '/nope', { 'content-type': 'application/json' }, 'x'.repeat(99_999)),
      'NOT_FOUND',
    );
    refused(t, await send('POST', '/nope'), 'NOT_FOUND');
    const unsent =
      'POST /nope HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n';
    refused(t, await exchange(port, unsent, 500), 'NOT_FOUND');
  });

  const allowed: [url: string, allow: string, others: string[]][] = [
    ['/api/v1/me', 'GET, HEAD', ['POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'QUERY']],
    ['/auth/user/7', 'GET, HEAD', ['POST', 'DELETE', 'OPTIONS']],
    [`/auth/user/${'9'.repeat(5000)}`, 'GET, HEAD', ['DELETE']],
    ['/auth/user/create', 'POST', ['GET', 'HEAD', 'PUT', 'OPTIONS']],
    ['/api/v1/auth/login', 'POST', ['GET', 'HEAD', 'PUT', 'OPTIONS', 'TRACE']],
    ['/livez', 'GET, HEAD', ['POST', 'OPTIONS']],
    ['/', 'GET, HEAD', ['POST']],
    ['/docs', 'GET, HEAD', ['POST', 'OPTIONS']],
    ['/docs/', 'GET, HEAD', ['POST', 'OPTIONS']],
    ['/docs/static/swagger-ui.css', 'GET, HEAD', ['DELETE']],
    ['/openapi.json?x=/nope', 'GET, HEAD', ['DELETE']],
  ];
  for (const [url, allow, methods] of allowed) {
    t.test(`${url.slice(0, 40)} allows ${allow}`, async (t) => {
      for (const method of methods) {
        const answer = await send(method, url, { 'content-type': 'no/such' }, method === 'POST' ? 'x' : '');
        if (method === 'HEAD') t.equal(answer.status, 405);
        else refused(t, answer, 'METHOD_NOT_ALLOWED');
        t.equal(answer.headers['allow'], allow);
      }
      for (const method of allow.split(', ')) t.not((await send(method, url)).status, 405, method);
    });
  }

  t.test('HEAD answers as GET does, without the body', async (t) => {
    for (const url of ['/livez', '/openapi.json', '/docs', '/api/v1/me']) {
      const [head, get] = [await app.inject({ method: 'HEAD', url }), await app.inject({ url })];
      t.equal(head.statusCode, get.statusCode);
      t.equal(head.headers['content-type'], get.headers['content-type']);
      t.equal(head.body, '');
    }
  });

  for (const url of ['/auth/user/%', '/auth/user/%zz', '/%E0%A4%A', '/api/v1/me%ff', '/auth/user/%C0%80']) {
    t.test(`${url} cannot be decoded`, async (t) => {
      for (const method of ['GET', 'DELETE', 'OPTIONS'])
        refused(t, await send(method, url), 'MALFORMED_REQUEST');
      const { headers } = await send('GET', url);
      t.equal(headers['x-content-type-options'], 'nosniff', 'with all headers');
      const lines = gatehouse.logLines.filter(({ reqId }) => reqId === headers['x-request-id']);
      t.match(
        lines.at(-1),
        { msg: 'request', status: 400, error_code: 'MALFORMED_REQUEST' },
        'and a log line',
      );
    });
  }

  t.test('a query string is not part of the path', async (t) => {
    t.equal((await send('GET', '/livez?%zz')).status, 200);
  });
});
