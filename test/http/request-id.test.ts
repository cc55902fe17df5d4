import t from 'tap';
import { startApp } from '../support/app.ts';

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

t.test('x-request-id', async (t) => {
  const { get, post, logLines } = await startApp(t);

  for (const id of ['a', 'trace-1', '01HX5ZZKBKACTAV9WEVGEMMVRZ', 'a/b:c+d=e@f.g_h-i', 'x'.repeat(128)]) {
    t.test(`keeps ${id.slice(0, 30)}`, async (t) => {
      for (const url of ['/livez', '/nope', '/api/v1/me', '/auth/user/%zz']) {
        logLines.length = 0;
        const { headers } = await get(url, { 'x-request-id': id });
        t.equal(headers['x-request-id'], id);
        t.ok(logLines.length > 0);
        t.ok(logLines.every(({ reqId }) => reqId === id));
      }
    });
  }

  for (const id of [
    '',
    'x'.repeat(129),
    'two words',
    'a,b',
    'ünïcode',
    '{"a":1}',
    '<script>',
    'a;b',
    "a'b",
    'a\tb',
  ]) {
    t.test(`replaces ${JSON.stringify(id.slice(0, 30))}`, async (t) => {
      logLines.length = 0;
      const { headers } = await get('/nope', { 'x-request-id': id });
      t.match(headers['x-request-id'], uuid);
      t.ok(logLines.every(({ reqId }) => reqId === headers['x-request-id']));
    });
  }

  t.test('makes one when there is none, another for each request', async (t) => {
    const answers = [await get('/livez'), await get('/livez'), await post('/api/v1/auth/login', '{')];
    const ids = answers.map(({ headers }) => headers['x-request-id']);
    for (const id of ids) t.match(id, uuid);
    t.equal(new Set(ids).size, 3);
  });
});
