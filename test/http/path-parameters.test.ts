import fc from 'fast-check';
import t from 'tap';
import { startApp } from '../support/app.ts';
import { check, names } from '../support/arbitrary-input.ts';
import { bearer, registerAndLogIn } from '../support/people.ts';
import { refused, refusedFields } from '../support/refused.ts';

t.test('ids in paths', async (t) => {
  const gatehouse = await startApp(t);
  const { get, database } = gatehouse;
  const { accessToken, userId } = await registerAndLogIn(gatehouse);
  const read = (id: string) => get(`/auth/user/${id}`, bearer(accessToken));
  const end = (id: string) => gatehouse.delete(`/api/v1/me/sessions/${id}`, bearer(accessToken));
  t.equal((await read(String(userId))).status, 200);
  refused(t, await read('9007199254740991'), 'FORBIDDEN');
  refused(t, await end('9007199254740991'), 'SESSION_NOT_FOUND');

  const written = [
    '0',
    '-1',
    '-0',
    '1.5',
    '1.0',
    '9007199254740992',
    `1${'0'.repeat(30)}`,
    'abc',
    '1e3',
    '+5',
    ' 5',
    '5 ',
  ];
  const odd = [
    '',
    '0x10',
    '007',
    '٣',
    '１',
    'null',
    'undefined',
    'NaN',
    'Infinity',
    '\0',
    `${userId}\0`,
    '9'.repeat(8000),
  ];
  for (const id of [...written, ...odd, "1' OR '1'='1", '[object Object]', '__proto__']) {
    t.test(`${JSON.stringify(id.slice(0, 40))} is none`, async (t) => {
      const answer = await read(encodeURIComponent(id));
      refused(t, answer, 'VALIDATION_ERROR');
      t.strictSame(refusedFields(answer), ['user_id']);
      const another = await end(encodeURIComponent(id));
      refused(t, another, 'VALIDATION_ERROR');
      t.strictSame(refusedFields(another), ['session_id']);
    });
  }
  await check(
    fc.asyncProperty(fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }), async (id) => {
      if (/^[1-9]\d*$/.test(id) || !id.isWellFormed()) return;
      names(await read(encodeURIComponent(id)), ['user_id']);
      names(await end(encodeURIComponent(id)), ['session_id']);
    }),
    60,
  );
  const { rows } = await database.client.query('SELECT FROM refreshaccesstokens');
  t.equal(rows.length, 1, 'no session has ended');
});
