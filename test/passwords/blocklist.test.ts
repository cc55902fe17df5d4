import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { loadBlocklist } from '../../src/passwords/blocklist.ts';
import { checkPassword } from '../../src/passwords/policy.ts';

const nobody = { email: '', name: '' };

t.test('the built-in list', async (t) => {
  const blocklist = await loadBlocklist({ minLength: 8 });
  t.ok(blocklist.size >= 10_000, `${blocklist.size} passwords`);
  for (const common of ['password', '12345678', 'qwertyuiop', 'iloveyou', 'password1', '1qaz2wsx']) {
    t.ok(blocklist.has(common), common);
  }
  t.notOk(blocklist.has('123456'), 'what is too short anyway is not held in memory');
  t.notOk(blocklist.has('correct horse battery staple'));
  const refused = [...blocklist].filter(
    (entry) => [...entry].length < 8 || entry !== entry.normalize('NFC').toLowerCase(),
  );
  t.same(refused, [], 'every entry is as long and folded as what is looked up');
  const policy = { minLength: 8, maxLength: 128, blocklist };
  t.same(
    checkPassword('QwertyUIOP', nobody, policy).map(({ reason }) => reason),
    ['common'],
  );
});

t.test('a shorter minimum keeps shorter entries', async (t) => {
  const blocklist = await loadBlocklist({ minLength: 6 });
  t.ok(blocklist.has('123456'));
  t.notOk(blocklist.has('12345'));
});

t.test('a file adds to it', async (t) => {
  const file = join(t.testdir({}), 'list.txt');
  await writeFile(file, '\ufeffGatehouse2026\r\n\r\nshort\nCafe\u0301 Zu\u0308rich\n spaces kept \n');
  const blocklist = await loadBlocklist({ file, minLength: 8 });
  t.ok(blocklist.has('gatehouse2026'), 'the first line, byte order mark and line break removed');
  t.ok(blocklist.has('caf\u00e9 z\u00fcrich'), 'folded');
  t.ok(blocklist.has(' spaces kept '), 'a space is part of a password');
  t.notOk(blocklist.has('short'));
  t.notOk(blocklist.has(''));
  t.ok(blocklist.has('password'), 'the built-in list stays');
  t.equal(blocklist.size, (await loadBlocklist({ minLength: 8 })).size + 3);
});

t.test('a file that is not there stops the start', async (t) => {
  const file = join(t.testdir({}), 'missing.txt');
  await t.rejects(loadBlocklist({ file, minLength: 8 }), {
    name: 'BlocklistError',
    message: `PASSWORD_BLOCKLIST_FILE: ${file} cannot be read`,
    cause: { code: 'ENOENT' },
  });
});
