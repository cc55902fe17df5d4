import fc from 'fast-check';
import t from 'tap';
import {
  checkPassword,
  foldPassword,
  type PasswordPolicy,
  type PasswordProblemReason,
  preparePassword,
} from '../../src/passwords/policy.ts';

const policy: PasswordPolicy = {
  minLength: 8,
  maxLength: 128,
  blocklist: new Set(['password1', 'strasse1']),
};
const account = { email: 'Ada.Lovelace@Example.org', name: 'Ada King' };

function reasons(raw: string, overrides: Partial<PasswordPolicy> = {}, who = account) {
  return checkPassword(preparePassword(raw), who, { ...policy, ...overrides }).map(({ reason }) => reason);
}

t.test('preparePassword follows RFC 8265 OpaqueString', async (t) => {
  t.equal(preparePassword('cafe\u0301'), 'caf\u00e9', 'NFC');
  t.equal(preparePassword('a\u00a0b\u3000c\u2003d'), 'a b c d', 'non-ASCII spaces become U+0020');
  t.equal(preparePassword('  Both Ends  '), '  Both Ends  ', 'neither trimmed nor lower-cased');
  t.equal(preparePassword('\ufb01'), '\ufb01', 'no compatibility mapping');
  t.equal(preparePassword('tab\there'), 'tab\there', 'a tab is no space character');
});

t.test('preparing is idempotent and blind to composition', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const prepared = preparePassword(text);
      return (
        preparePassword(prepared) === prepared &&
        preparePassword(text.normalize('NFD')) === preparePassword(text.normalize('NFC')) &&
        !/[^\P{Zs} ]/u.test(prepared)
      );
    }),
  );
});

const table: [string, string, PasswordProblemReason[]][] = [
  ['an ordinary passphrase', 'correct horse battery staple', []],
  ['no rule of composition', 'aaaaaaab', []],
  ['7 characters', 'sevench', ['too_short']],
  ['8 characters', 'eightchr', []],
  ['7 emoji, 28 bytes and 14 UTF-16 units', '😀'.repeat(7), ['too_short']],
  ['8 emoji', '😀'.repeat(8), []],
  ['8 letters before composition, 4 after it', 'e\u0301'.repeat(4), ['too_short']],
  ['128 emoji', '😀'.repeat(128), []],
  ['129 characters', 'x'.repeat(129), ['too_long']],
  ['a NUL', 'eight\0chr', ['control_character']],
  ['a line break', 'eight\nchr', ['control_character']],
  ['a C1 control', 'eight\u0085chr', ['control_character']],
  ['a DEL', 'eight\u007fchr', ['control_character']],
  ['a lone surrogate', 'eight\ud800chr', ['malformed_text']],
  ['a common one', 'password1', ['common']],
  ['a common one in another case', 'PassWord1', ['common']],
  ['a common one with something added is not the whole password', 'password12', []],
  ['the email', 'ada.lovelace@example.org', ['contains_email']],
  ['the email in another case, inside', 'xxADA.lovelace@EXAMPLE.orgxx', ['contains_email']],
  ['the local part', 'ada.LOVELACE', ['contains_email']],
  ['the local part inside something longer', 'ada.lovelace and more', []],
  ['the domain alone', 'example.org', []],
  ['the name', 'ADA KING', ['same_as_name']],
  ['the name with another kind of space', 'Ada\u00a0King', ['same_as_name']],
  ['the name inside something longer', 'Ada King 1815', []],
  ['several things at once', 'a\u0007', ['too_short', 'control_character']],
];

t.test('checkPassword', async (t) => {
  for (const [title, raw, expected] of table) t.same(reasons(raw), expected, title);
});

t.test('the policy is configurable', async (t) => {
  t.same(reasons('password1', { blocklist: null }), [], 'no blocklist');
  t.same(reasons('elevenchars', { minLength: 12 }), ['too_short']);
  t.same(reasons('elevenchars', { maxLength: 10 }), ['too_long']);
  const [problem] = checkPassword('short', account, { ...policy, minLength: 15 });
  t.equal(problem?.message, 'must have at least 15 characters', 'the message tells the bound in force');
});

t.test('empty account fields match nothing', async (t) => {
  t.same(reasons('eightchr', {}, { email: '', name: '' }), []);
  t.same(
    reasons(' '.repeat(8), {}, { email: '', name: '' }),
    ['blank'],
    'blanks are no empty name, and no password',
  );
});

t.test('no password of the right length is refused for anything but what it says', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 0, maxLength: 200 }), (text) => {
      const prepared = preparePassword(text);
      const length = [...prepared].length;
      const found = reasons(text);
      return (
        found.includes('too_short') === length < 8 &&
        found.includes('too_long') === length > 128 &&
        found.includes('control_character') === /\p{Cc}/u.test(prepared)
      );
    }),
  );
});

t.test('the email is found in any case, with anything around it', async () => {
  const around = fc.string({ unit: 'grapheme-ascii', maxLength: 20 });
  fc.assert(
    fc.property(around, around, fc.emailAddress(), fc.boolean(), (before, after, email, upper) => {
      const typed = upper ? email.toUpperCase() : email;
      return reasons(`${before}${typed}${after}`, {}, { email, name: '' }).includes('contains_email');
    }),
  );
});

t.test('messages never repeat the password', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', minLength: 40, maxLength: 140 }), (text) => {
      const problems = checkPassword(preparePassword(text), { email: text, name: text }, policy);
      return problems.every(({ message }) => !message.includes(text));
    }),
  );
});

t.test('folding', async (t) => {
  t.equal(foldPassword('CAFE\u0301\u00a0X'), 'caf\u00e9 x');
});
