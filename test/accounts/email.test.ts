import fc from 'fast-check';
import t from 'tap';
import { isEmail, normaliseEmail } from '../../src/accounts/email.ts';

t.test('addresses that mail can be sent to', async (t) => {
  for (const address of [
    'ada@example.com',
    'Ada.Lovelace+tag@sub.example.co.uk',
    "o'brien_{x}@example.com",
    'ünï@bücher.example',
    '用户@例子.世界',
    'a@b.co',
    `${'a'.repeat(64)}@example.com`,
    'x@xn--bcher-kva.example',
  ]) {
    t.ok(isEmail(address), address);
  }
});

t.test('text that is no address', async (t) => {
  for (const text of [
    '',
    'ada',
    '@example.com',
    'ada@',
    'ada@localhost',
    'a@b@example.com',
    'ada@example..com',
    '.ada@example.com',
    'ada.@example.com',
    'a..b@example.com',
    'ada@-example.com',
    'ada@example-.com',
    'ada@example.com.',
    'ada@192.168.0.1',
    'ada@[127.0.0.1]',
    '"quoted part"@example.com',
    'Ada <ada@example.com>',
    'ada@example.com\r\nBcc: eve@example.com',
    'ada @example.com',
    ' ada@example.com',
    'ada@exam\u0000ple.com',
    'ada@exam\u202eple.com',
    `${'a'.repeat(65)}@example.com`,
    `a@${'b'.repeat(64)}.com`,
    `a@${'bcd.'.repeat(63)}com`,
  ]) {
    t.notOk(isEmail(text), JSON.stringify(text));
  }
});

t.test('normalising twice changes nothing, and never makes an address of what is none', async () => {
  fc.assert(
    fc.property(fc.oneof(fc.emailAddress(), fc.string({ unit: 'grapheme' })), (text) => {
      const once = normaliseEmail(text);
      return normaliseEmail(once) === once && isEmail(once) === isEmail(text);
    }),
  );
});
