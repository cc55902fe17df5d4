import fc from 'fast-check';
import t from 'tap';
import { loadEngine } from '../../src/passwords/engine.ts';
import { encodeSalt } from '../../src/passwords/hash-format.ts';
import { passlibVectors } from '../support/passlib-vectors.ts';

const bcryptjs = await loadEngine('bcryptjs');
// Where this optional dependency is missing, its tests are reported as skipped
const native = await loadEngine('native').catch(() => null);
const engines = native === null ? [bcryptjs] : [bcryptjs, native];
const needsNative = native === null ? { skip: '@node-rs/bcrypt does not load here' } : {};
const setting = '$2b$04$vIsWRUgJYa1IbmxHhYWonO';

t.equal(bcryptjs.name, 'bcryptjs');

t.test('auto prefers the native engine where it loads', needsNative, async (t) => {
  t.equal(native?.name, 'native');
  t.equal((await loadEngine('auto')).name, 'native');
});

t.test('both engines compute what C and Python do', async (t) => {
  for (const [password, stored] of [...passlibVectors.plain.slice(1), ...passlibVectors.truncated]) {
    for (const engine of engines) {
      const output = engine.bcrypt(password, `$2b$${stored.slice(4, 29)}`);
      t.equal(output.slice(29), stored.slice(29), `${engine.name} ${stored}`);
    }
  }
});

t.test('both engines agree on any text and salt, byte for byte', needsNative, async () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.string({ unit: 'grapheme', minLength: 15, maxLength: 100 }),
    // Lone surrogates too.
    fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
  );
  fc.assert(
    fc.property(text, fc.uint8Array({ minLength: 16, maxLength: 16 }), (password, salt) => {
      const withSalt = `$2b$04$${encodeSalt(salt)}`;
      return bcryptjs.bcrypt(password, withSalt) === native?.bcrypt(password, withSalt);
    }),
    { numRuns: 150 },
  );
});

t.test('both read 72 bytes, cut inside a character', async (t) => {
  for (const engine of engines) {
    const of = (text: string) => engine.bcrypt(text, setting);
    t.equal(of(`${'a'.repeat(71)}é`), of(`${'a'.repeat(71)}ézzz`), `${engine.name}: nothing after byte 72`);
    // U+00E9 and U+00EA differ in their second byte only, U+00E9 and U+0169 in their first.
    t.equal(
      of(`${'a'.repeat(71)}é`),
      of(`${'a'.repeat(71)}ê`),
      `${engine.name}: half a character counts half`,
    );
    t.not(of(`${'a'.repeat(71)}é`), of(`${'a'.repeat(71)}ũ`), `${engine.name}: its first byte counts`);
    t.not(of(`${'a'.repeat(70)}é`), of(`${'a'.repeat(70)}ê`), `${engine.name}: byte 72 counts`);
  }
});
