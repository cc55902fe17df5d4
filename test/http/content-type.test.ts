import t from 'tap';
import { startApp } from '../support/app.ts';
import { newPerson } from '../support/people.ts';
import { exchange, listen } from '../support/raw-client.ts';
import { refused } from '../support/refused.ts';

/** As they stand behind the colon; sent over a socket, as clients and inject() tidy them up. */
const json = [
  'application/json\t',
  '\tapplication/json',
  'application/json ;',
  'application/json\t; charset=utf-8',
  'application/json;;',
  'application/json;charset',
  'application/json; charset=utf-8 garbage',
  'application/json; charset="utf-8',
  'application/json; charset=utf-16',
  'application/json; boundary=x',
  'application/json; a=b; a=c',
  `application/json;${'a=b;'.repeat(3000)}`,
];
const others = [
  'application/json\ta',
  'application/json a',
  'application/json,',
  'application/json, application/json',
  'application/json\xff',
  '"application/json"',
  'application/ json',
  'application //json',
  'application/json/x',
  '/json',
  '',
  'text/plain; application/json',
  'application/problem+json',
  'application/json\r\nContent-Type: application/json',
  'text/plain\r\nContent-Type: application/json',
  'application/json\r\nContent-Type: text/plain',
];

t.test('a body is validated as JSON or refused, whatever its content type looks like', async (t) => {
  const gatehouse = await startApp(t);
  const port = await listen(gatehouse);
  const send = (type: string, body: object) => {
    const text = JSON.stringify(body);
    const head = `POST /auth/user/create HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nConnection: close`;
    return exchange(port, Buffer.from(`${head}\r\nContent-Length: ${text.length}\r\n\r\n${text}`, 'latin1'));
  };
  const invalid = () => ({ ...newPerson(), admin: true });

  for (const type of json) {
    t.test(JSON.stringify(type).slice(0, 60), async (t) => {
      refused(t, await send(type, invalid()), 'VALIDATION_ERROR');
      t.equal((await send(type, newPerson())).status, 201);
    });
  }
  for (const type of others) {
    t.test(JSON.stringify(type), async (t) => {
      refused(t, await send(type, invalid()), 'UNSUPPORTED_MEDIA_TYPE');
      refused(t, await send(type, newPerson()), 'UNSUPPORTED_MEDIA_TYPE');
    });
  }
  for (const type of ['application/json\x0b', 'application/json\0']) {
    t.test(JSON.stringify(type), async (t) => refused(t, await send(type, newPerson()), 'MALFORMED_REQUEST'));
  }
  t.test('only what was accepted is stored', async (t) => {
    const { rows } = await gatehouse.database.client.query('SELECT FROM users');
    t.equal(rows.length, json.length);
  });
});
