import t from 'tap';
import { startApp } from '../support/app.ts';
import { exchange, listen } from '../support/raw-client.ts';
import { refused } from '../support/refused.ts';

t.test('request targets', async (t) => {
  const port = await listen(await startApp(t));
  const ask = (method: string, target: string) =>
    exchange(port, `${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);

  t.test('the absolute form means its path (RFC 9112 §3.2.2)', async (t) => {
    for (const target of ['http://x/livez', 'HTTPS://other.example:1/livez?a=b']) {
      t.equal((await ask('GET', target)).status, 200, target);
    }
    t.equal((await ask('GET', 'http://x/docs/static/index.css')).status, 200, 'for files as well');
    t.equal((await ask('GET', 'http://x')).headers['location'], '/docs');
    refused(t, await ask('GET', 'http://x/api/v1/me'), 'AUTHENTICATION_REQUIRED');
    refused(t, await ask('GET', 'http://x/%ff'), 'MALFORMED_REQUEST');
    refused(t, await ask('GET', 'http://x//livez'), 'NOT_FOUND');
  });

  t.test('what names no path is nowhere', async (t) => {
    for (const target of ['*', 'ftp://x/livez', 'http:///livez', 'http:/livez', 'livez:80']) {
      const { status, body } = await ask('GET', target);
      t.ok(status === 404 || status === 400, `${target}: ${status}`);
      t.ok(['NOT_FOUND', 'MALFORMED_REQUEST'].includes(String(body['error_code'])));
    }
    refused(t, await ask('OPTIONS', '*'), 'NOT_FOUND');
  });

  t.test('TRACE sends nothing back (RFC 9110 §9.3.8)', async (t) => {
    const answer = await exchange(
      port,
      'TRACE /livez HTTP/1.1\r\nHost: x\r\nA: secret\r\nConnection: close\r\n\r\n',
    );
    refused(t, answer, 'METHOD_NOT_ALLOWED');
    t.notMatch(answer.text, 'secret');
  });

  t.test('as long as headers may be, of whatever it consists', async (t) => {
    for (const target of ['/'.repeat(15_000), `/${'%41'.repeat(5000)}`, `/${'../'.repeat(5000)}`]) {
      const { status } = await ask('GET', target);
      t.ok(status === 404 || status === 400, `${target.slice(0, 9)}: ${status}`);
    }
  });
});
