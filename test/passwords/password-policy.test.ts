import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startApp } from '../support/app.ts';
import { newPerson } from '../support/people.ts';
import { refused, refusedFields } from '../support/refused.ts';

/** Gives a function that registers with a password, and returns what is said against it. */
async function startWith(t: Test, env: Record<string, string>) {
  const { post } = await startApp(t, { env });
  return async (password: string): Promise<string[]> => {
    const answer = await post('/auth/user/create', newPerson({ password }));
    if (answer.status === 201) return [];
    refused(t, answer, 'VALIDATION_ERROR');
    t.strictSame(refusedFields(answer), ['password']);
    return (answer.body['errors'] as { message: string }[]).map(({ message }) => message);
  };
}

const common = ['is one of the passwords that are tried first'];

t.test('by default common passwords are refused', async (t) => {
  const problems = await startWith(t, {});
  t.strictSame(await problems('password123'), common);
  t.strictSame(await problems('Password123'), common, 'in any case');
  t.strictSame(await problems('pass123'), ['must be at least 8 characters long']);
  t.strictSame(await problems('unheard of 1815'), []);
});

t.test('PASSWORD_MIN_LENGTH=6 refuses common passwords of 6 characters too', async (t) => {
  const problems = await startWith(t, { PASSWORD_MIN_LENGTH: '6' });
  for (const password of ['123456', 'qwerty']) t.strictSame(await problems(password), common, password);
  t.strictSame(await problems('zw8!k'), ['must be at least 6 characters long']);
  t.strictSame(await problems('zw8!kq'), []);
});

t.test('PASSWORD_MAX_LENGTH bounds the length', async (t) => {
  const problems = await startWith(t, { PASSWORD_MAX_LENGTH: '64' });
  t.strictSame(await problems('x'.repeat(65)), ['must have at most 64 characters']);
  t.strictSame(await problems('x'.repeat(64)), []);
});

t.test('PASSWORD_BLOCKLIST=off allows common passwords, but not short ones', async (t) => {
  const problems = await startWith(t, { PASSWORD_BLOCKLIST: 'off' });
  t.strictSame(await problems('password123'), []);
  t.strictSame(await problems('pass123'), ['must be at least 8 characters long']);
});

t.test('PASSWORD_BLOCKLIST_FILE adds to the built-in list', async (t) => {
  const file = join(t.testdir({}), 'list.txt');
  writeFileSync(file, 'Our Company 2026\n');
  const problems = await startWith(t, { PASSWORD_BLOCKLIST_FILE: file });
  t.strictSame(await problems('our company 2026'), common);
  t.strictSame(await problems('password123'), common, 'which stays in force');
  t.strictSame(await problems('our company 2027'), []);
});
