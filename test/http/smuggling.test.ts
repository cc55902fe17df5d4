import t from 'tap';
import { startApp } from '../support/app.ts';
import { newPerson } from '../support/people.ts';
import { exchange, listen } from '../support/raw-client.ts';
import { refused } from '../support/refused.ts';

const line = 'POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n';
const chunked = `${line}Transfer-Encoding: chunked\r\n\r\n`;

/** Where a proxy and this service may see different ends of a request (RFC 9112 §11.2); up to where the body ends. */
const ambiguous: Record<string, string> = {
  'a coding, then a length': `${line}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n`,
  'the same length twice': `${line}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}`,
  'a list of lengths': `${line}Content-Length: 2, 2\r\n\r\n{}`,
  'a length with a sign': `${line}Content-Length: +2\r\n\r\n{}`,
  'a length beyond all numbers': `${line}Content-Length: 99999999999999999999\r\n\r\n{}`,
  'a space before the colon of a length': `${line}Content-Length : 2\r\n\r\n{}`,
  'a space before the colon of a coding': `${line}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n`,
  'an unknown coding': `${line}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`,
  'another coding before chunked': `${line}Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
  'another coding after chunked': `${line}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`,
  'an empty coding beside a length': `${line}Transfer-Encoding:\r\nContent-Length: 2\r\n\r\n{}`,
  'a coding on a line of its own': `${line}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n`,
  'a coding behind a vertical tab': `${line}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`,
  'two codings': `${line}Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n0\r\n\r\n`,
  'a chunk size in C': `${chunked}0x2\r\n{}\r\n0\r\n\r\n`,
  'a chunk size beyond all numbers': `${chunked}10000000000000002\r\n{}\r\n0\r\n\r\n`,
  'a chunk size that ends in LF': `${chunked}2\n{}\r\n0\r\n\r\n`,
  'an LF in a chunk extension': `${chunked}2;a\n\r\n{}\r\n0\r\n\r\n`,
  'a length in the trailer': `${chunked}2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n`,
  'a header that ends in LF': `${line.replace('x\r\n', 'x\n')}Content-Length: 2\r\n\r\n{}`,
  'a header that ends in CR': `${line}A: b\rContent-Length: 2\r\n\r\n{}`,
  'headers that end in LF': `${line}Content-Length: 2\r\n\n{}`,
  'a U+0000 in a header': `${line}A: b\0c\r\nContent-Length: 2\r\n\r\n{}`,
  'a header on two lines': `${line}A: b\r\n c\r\nContent-Length: 2\r\n\r\n{}`,
};

t.test('what ends in two places is refused, and what is behind it is not carried out', async (t) => {
  const gatehouse = await startApp(t);
  const port = await listen(gatehouse);
  for (const [name, bytes] of Object.entries(ambiguous)) {
    t.test(name, async (t) => {
      const body = JSON.stringify(newPerson());
      const smuggled = `POST /auth/user/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
      const answer = await exchange(port, Buffer.from(bytes + smuggled, 'latin1'));
      refused(t, answer, 'MALFORMED_REQUEST');
      t.ok(answer.closed);
      t.equal(answer.text.split('HTTP/1.1 ').length, 2, 'one answer');
    });
  }
  t.test('nobody was registered', async (t) => {
    const { rows } = await gatehouse.database.client.query('SELECT FROM users');
    t.equal(rows.length, 0);
  });
});
