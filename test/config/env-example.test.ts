import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { readSettings } from '../../src/config/config.ts';
import { settingsSchema } from '../../src/config/schema.ts';

const path = fileURLToPath(new URL('../../.env.example', import.meta.url));
const text = readFileSync(path, 'utf8');

t.test('.env.example shows each setting as a comment: what it is for, and its default', async (t) => {
  const expected = Object.entries(settingsSchema.properties)
    .map(([name, { description, default: value }]) => `# ${description}\n# ${name}=${value ?? ''}\n`)
    .join('\n');
  t.equal(text.slice(text.indexOf('\n\n') + 2), expected);
});

t.test('copied to .env as it is, it changes nothing', async (t) => {
  t.strictSame({ ...readSettings({}, path) }, { ...readSettings({}, 'there-is-none.env') });
});

t.test('with the comments taken off, all of it is accepted', async (t) => {
  const folder = t.testdir({ '.env': text.replace(/^# (?=[A-Z_]+=)/gm, '') });
  t.strictSame({ ...readSettings({}, `${folder}/.env`) }, { ...readSettings({}, 'there-is-none.env') });
});
