import t from 'tap';
import { startApp } from '../support/app.ts';
import { newPerson, type Person } from '../support/people.ts';
import { exchange, listen } from '../support/raw-client.ts';
import { refused, refusedFields } from '../support/refused.ts';

const url = '/api/v1/register-user';

t.test('request bodies', async (t) => {
  const gatehouse = await startApp(t);
  const { post, app, database } = gatehouse;
  const port = await listen(gatehouse);

  async function countUsers(): Promise<number> {
    const { rows } = await database.client.query('SELECT count(*)::int AS count FROM users');
    return rows[0].count;
  }

  const invalid: Record<string, string | Buffer> = {
    nothing: '',
    'half an object': '{"name":',
    'a comment': '{} // x',
    'a trailing comma': '{"name":"Ada",}',
    'two documents': '{}{}',
    'single quotes': "{'name':'Ada'}",
    NaN: '{"name":NaN}',
    'a byte that is no UTF-8': Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    'a surrogate in UTF-8': Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]),
    'an overlong form': Buffer.from([0x7b, 0x22, 0xc0, 0x80, 0x22, 0x3a, 0x31, 0x7d]),
    'UTF-16': Buffer.from('{"name":"Ada"}', 'utf16le'),
    'a raw U+0000': '{"name":"A\u0000"}',
    'two byte order marks': '\ufeff\ufeff{}',
  };
  for (const [name, body] of Object.entries(invalid)) {
    t.test(`${name} is not JSON`, async (t) => refused(t, await post(url, body), 'MALFORMED_JSON'));
  }

  t.test('a log line about broken JSON holds nothing of it', async (t) => {
    await post(url, '{"password": "half a secret');
    t.notMatch(JSON.stringify(gatehouse.logLines), 'half a secret');
  });

  t.test('one byte order mark is passed over (RFC 8259 §8.1)', async (t) => {
    t.equal((await post(url, `\ufeff${JSON.stringify(newPerson())}`)).status, 201);
  });

  for (const type of [
    'text/plain',
    'text/json',
    'application/jsonx',
    'application/json garbage',
    'application/merge-patch+json',
    'application/json, text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    '*/*',
    ';',
  ]) {
    t.test(`${type} is refused`, async (t) => {
      const before = await countUsers();
      refused(t, await post(url, newPerson(), { 'content-type': type }), 'UNSUPPORTED_MEDIA_TYPE');
      t.equal(await countUsers(), before);
    });
  }

  // RFC 8259 §11: no parameter is defined, and adding one has no effect
  for (const type of [
    'APPLICATION/JSON',
    'application/json;charset=utf-8',
    'application/json; charset=latin1',
  ]) {
    t.test(`${type} is JSON in UTF-8`, async (t) => {
      const { status, body } = await post(url, newPerson({ name: 'Zoë' }), { 'content-type': type });
      t.equal(status, 201);
      t.equal(body['name'], 'Zoë');
    });
  }

  t.test('a body without a media type is refused, and so is no body', async (t) => {
    const bare = { method: 'POST', url } as const;
    const untyped = await app.inject({ ...bare, payload: JSON.stringify(newPerson()) });
    t.equal(untyped.statusCode, 415);
    t.equal(untyped.json().error_code, 'UNSUPPORTED_MEDIA_TYPE');
    const empty = await app.inject(bare);
    t.equal(empty.statusCode, 422);
    t.strictSame(empty.json().errors, [{ field: 'body', message: 'must be object' }]);
  });

  t.test('a compressed body is refused (RFC 9110 §8.4)', async (t) => {
    refused(t, await post(url, '{}', { 'content-encoding': 'gzip' }), 'UNSUPPORTED_MEDIA_TYPE');
    t.equal((await post(url, newPerson(), { 'content-encoding': 'identity' })).status, 201);
  });

  t.test('a transfer coding besides chunked is refused (RFC 9112 §6.1)', async (t) => {
    const send = (person: Person, coding: string) => {
      const body = JSON.stringify(person);
      const chunks = `${Buffer.byteLength(body).toString(16)}\r\n${body}\r\n0\r\n\r\n`;
      const head = `POST ${url} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nConnection: close\r\n`;
      return exchange(port, `${head}Transfer-Encoding: ${coding}\r\n\r\n${chunks}`);
    };
    const before = await countUsers();
    for (const coding of ['gzip, chunked', 'GZIP,chunked', 'deflate, chunked', 'x, chunked'])
      refused(t, await send(newPerson(), coding), 'MALFORMED_REQUEST');
    t.equal(await countUsers(), before);
    for (const coding of ['chunked', 'Chunked']) t.equal((await send(newPerson(), coding)).status, 201);
  });

  t.test('16 KiB is the most, whether the length is told or not', async (t) => {
    const padded = (length: number) => JSON.stringify(newPerson()).padEnd(length, ' ');
    t.equal((await post(url, padded(16 * 1024))).status, 201);
    const before = await countUsers();
    refused(t, await post(url, padded(16 * 1024 + 1)), 'BODY_TOO_LARGE');

    const head = `POST ${url} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`;
    const announced = await exchange(port, `${head}Content-Length: 16385\r\n\r\n`);
    refused(t, announced, 'BODY_TOO_LARGE');
    t.ok(announced.closed, 'without waiting for it');
    const chunk = `4001\r\n${padded(0x4001)}\r\n0\r\n\r\n`;
    const chunked = await exchange(port, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk}`);
    refused(t, chunked, 'BODY_TOO_LARGE');
    t.ok(chunked.closed);
    t.equal(await countUsers(), before);
  });

  t.test('a member that is given twice is named', async (t) => {
    const twice = await post(
      url,
      '{"email":"a@example.com","email":"b@example.com","n\\u0061me":"A","name":"B"}',
    );
    refused(t, twice, 'VALIDATION_ERROR');
    t.strictSame(refusedFields(twice), ['email', 'name']);
  });
});

t.test('a small request gets no large answer', async (t) => {
  const { post } = await startApp(t);
  const unknown = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`f${i}`, 1]));
  const answer = await post('/auth/user/create', { ...unknown, [`🙂${'x'.repeat(4000)}`]: 1 });
  refused(t, answer, 'VALIDATION_ERROR');
  t.ok(JSON.stringify(answer.body).length < 5000);
});
