import fc from 'fast-check';
import t from 'tap';
import { startApp } from './support/app.ts';
import {
  anyText,
  type Body,
  blank,
  check,
  names,
  notText,
  notUnicode,
  operations,
  withNul,
} from './support/arbitrary-input.ts';
import { refused, refusedFields } from './support/refused.ts';

t.test('no input gets past its schema or through to a defect', async (t) => {
  const { post, database, ...gatehouse } = await startApp(t);

  async function countRows(): Promise<unknown> {
    const { rows } = await database.client.query(
      'SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM refreshaccesstokens) AS sessions',
    );
    return rows[0];
  }

  for (const { url, valid, longest, optional, unjudged } of operations) {
    for (const [field, most] of Object.entries(longest)) {
      t.test(`${url} ${field}`, async (t) => {
        const before = await countRows();
        const send = (value: unknown) => post(url, { ...valid(), [field]: value });

        await check(fc.asyncProperty(notText, async (value) => names(await send(value), [field])));
        await check(fc.asyncProperty(notUnicode, async (value) => names(await send(value), [field])));
        await check(fc.asyncProperty(withNul, async (value) => names(await send(value), [field])));
        if (!unjudged.includes(field))
          await check(fc.asyncProperty(blank, async (value) => names(await send(value), [field])));
        // An emoji is one character, and four bytes of the 16 KiB that a body may have
        for (const character of most < 4000 ? ['x', '🙂'] : ['x'])
          names(await send(character.repeat(most + 1)), [field]);
        if (field !== 'about') names(await send(null), [field]);
        if (!optional.includes(field)) {
          const { [field]: _, ...without } = valid();
          names(await post(url, without), [field]);
          names(await send(''), [field]);
        }
        const twice = JSON.stringify(valid()).replace('{', `{${JSON.stringify(field)}:"x",`);
        names(await post(url, twice), [field]);
        t.strictSame(await countRows(), before, 'nothing was written');
      });
    }

    t.test(`${url} knows no other field`, async (t) => {
      const before = await countRows();
      const known = Object.keys(valid());
      const name = fc
        .oneof(
          fc.constantFrom('__proto__', 'constructor', 'toString', 'user_id', 'Email', ' email', 'a/b~c', ''),
          anyText,
        )
        .filter((each) => !known.includes(each) && !each.includes('\0') && each.isWellFormed());
      await check(
        fc.asyncProperty(name, fc.jsonValue({ maxDepth: 2 }), async (extra, value) => {
          const body = `${JSON.stringify(valid()).slice(0, -1)},${JSON.stringify(extra)}:${JSON.stringify(value)}}`;
          names(await post(url, body), [extra]);
        }),
        25,
      );
      t.equal((Object.prototype as Body)['polluted'], undefined);
      t.strictSame(await countRows(), before);
    });

    t.test(`${url} takes an object`, async (t) => {
      const before = await countRows();
      const deep = 7000;
      // To a logout null says that the body was left out, and there is no access token either
      const left = await post(url, 'null');
      refused(t, left, url === '/api/v1/auth/logout' ? 'AUTHENTICATION_REQUIRED' : 'VALIDATION_ERROR');
      for (const body of ['1', '"x"', 'true', '[]', '[{}]', '['.repeat(deep) + ']'.repeat(deep)]) {
        const answer = await post(url, body);
        refused(t, answer, 'VALIDATION_ERROR');
        t.strictSame(refusedFields(answer), ['body']);
      }
      const [field = ''] = Object.keys(longest);
      const nested = `{"${field}":${'['.repeat(deep)}${']'.repeat(deep)}}`;
      t.ok(refusedFields(await post(url, nested)).includes(field));
      const objects = `${'{"a":'.repeat(2500)}1${'}'.repeat(2500)}`;
      t.ok(refusedFields(await post(url, objects)).includes('a'));
      refused(t, await post(url, '['.repeat(10_000)), 'MALFORMED_JSON');
      refused(t, await post(url, '['.repeat(50_000) + ']'.repeat(50_000)), 'BODY_TOO_LARGE');
      t.strictSame(await countRows(), before);
    });

    t.test(`${url} survives any bytes`, async (t) => {
      const before = await countRows();
      await check(
        fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
          const { status, body } = await post(url, Buffer.from(bytes));
          if (status !== 400 && status !== 422) throw new Error(`${status} ${JSON.stringify(body)}`);
        }),
        60,
      );
      t.strictSame(await countRows(), before);
    });
  }

  const notEmails = [
    'plain',
    '@',
    'a@',
    '@b.c',
    'a@b',
    'a b@c.de',
    'a@b..c',
    'a@-b.c',
    'a@[127.0.0.1]',
    '"a"@b.c',
    'a@b.c\n',
  ];
  for (const email of [
    ...notEmails,
    ' a@b.cd',
    'a@b.cd,c@d.ef',
    `${'a'.repeat(65)}@b.cd`,
    'a\u202eb@c.de',
    'a@b.1',
  ]) {
    t.test(`${JSON.stringify(email)} is no email`, async (t) => {
      for (const { url, valid, longest, unjudged } of operations) {
        if (!('email' in longest)) continue;
        const answer = await post(url, { ...valid(), email });
        if (unjudged.includes('email')) refused(t, answer, 'INVALID_CREDENTIALS');
        else names(answer, ['email']);
      }
    });
  }

  t.test('none of it was a defect', async (t) => {
    t.ok(gatehouse.logLines.length > 1000);
    t.notOk(gatehouse.logLines.some(({ level }) => Number(level) >= 50));
  });
});
