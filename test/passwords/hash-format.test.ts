import fc from 'fast-check';
import t from 'tap';
import {
  bcryptInput,
  encodeSalt,
  formatStoredHash,
  formFor,
  needsRehash,
  parseStoredHash,
  type StoredHash,
  unmatchableHash,
} from '../../src/passwords/hash-format.ts';
import { passlibVectors } from '../support/passlib-vectors.ts';

function parse(stored: string): StoredHash {
  const hash = parseStoredHash(stored);
  if (hash === null) throw new Error(`${stored} is not read`);
  return hash;
}

const salt = 'vIsWRUgJYa1IbmxHhYWonO';
const digest = 'V.ERAb.Ydfbw3eVFRW9cQBwhDHFii.W';
const plain = (ident: string, cost: string) => `$${ident}$${cost}$${salt}${digest}`;
const digested = (parameters: string) => `$bcrypt-sha256$${parameters}$${salt}$${digest}`;

t.test('what passlib wrote is read and written back', async (t) => {
  for (const [, stored] of Object.values(passlibVectors).flat()) {
    t.equal(formatStoredHash(parse(stored)), stored);
  }
  t.same(parse(plain('2b', '12')), { form: 'bcrypt', ident: '2b', cost: 12, salt, digest });
  t.same(parse(digested('v=2,t=2b,r=5')), {
    form: 'bcrypt-sha256',
    version: 2,
    ident: '2b',
    cost: 5,
    salt,
    digest,
  });
  t.same(parse(digested('2a,10')), {
    form: 'bcrypt-sha256',
    version: 1,
    ident: '2a',
    cost: 10,
    salt,
    digest,
  });
});

t.test('everything else is rejected', async (t) => {
  const unknown = [
    '',
    'secret',
    plain('2', '12'),
    plain('2x', '12'),
    plain('2c', '12'),
    plain('2b', '3'),
    plain('2b', '03'),
    plain('2b', '32'),
    plain('2b', '+5'),
    plain('2b', '12').slice(0, -1),
    `${plain('2b', '12')}x`,
    `${plain('2b', '12')}\n`,
    ` ${plain('2b', '12')}`,
    plain('2b', '12').replace('v', '='),
    plain('2b', '12').replace('v', 'é'),
    digested('v=3,t=2b,r=5'),
    digested('v=1,t=2b,r=5'),
    digested('v=2,t=2a,r=5'),
    digested('v=2,t=2b,r=05'),
    digested('v=2,t=2b,r=3'),
    digested('v=2,t=2b,r=32'),
    digested('2y,5'),
    digested('v=2,t=2b,r=5').slice(0, -1),
    '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b27qQ',
  ];
  for (const stored of unknown) t.equal(parseStoredHash(stored), null, JSON.stringify(stored));
});

t.test('spare bits of salt and digest are cleared', async (t) => {
  // The 22nd character holds 2 bits of salt and 4 spare ones, the 31st 4 of digest and 2 spare ones.
  for (const last of 'OPQRSTUVWXYZabcd') {
    t.equal(parse(plain('2a', '12').replace(salt, `${salt.slice(0, -1)}${last}`)).salt, salt, last);
  }
  t.equal(parse(plain('2a', '12').replace(salt, `${salt.slice(0, -1)}e`)).salt.at(-1), 'e');
  t.equal(
    parse(plain('2b', '12').replace(/W$/, 'Z')).digest,
    parse(plain('2b', '12').replace(/W$/, 'W')).digest,
  );
});

t.test('parsing never throws, and formatting brings back what was parsed', async () => {
  const near = fc.stringMatching(
    /^\$(2[abxy]|bcrypt-sha256)\$[v=2,trb]{0,10}\d{1,2}\$[./A-Za-z0-9$]{50,56}$/,
  );
  fc.assert(
    fc.property(fc.oneof(near, fc.string({ unit: 'binary' })), (stored) => {
      const hash = parseStoredHash(stored);
      if (hash === null) return true;
      return JSON.stringify(parseStoredHash(formatStoredHash(hash))) === JSON.stringify(hash);
    }),
  );
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc.integer({ min: 4, max: 31 }),
      (bytes, cost) => {
        const made: StoredHash = {
          form: 'bcrypt',
          ident: '2b',
          cost,
          salt: encodeSalt(bytes),
          digest: parse(plain('2b', '12')).digest,
        };
        return (
          JSON.stringify(parseStoredHash(formatStoredHash(made))) !== 'null' &&
          parse(formatStoredHash(made)).salt === made.salt
        );
      },
    ),
  );
});

t.test('the form changes at 72 bytes', async (t) => {
  t.equal(formFor('x'.repeat(71)), 'bcrypt');
  t.equal(formFor('x'.repeat(72)), 'bcrypt-sha256');
  t.equal(formFor('x'.repeat(73)), 'bcrypt-sha256');
  t.equal(formFor(`${'é'.repeat(35)}x`), 'bcrypt', '71 bytes in 36 characters');
  t.equal(formFor('é'.repeat(36)), 'bcrypt-sha256', '72 bytes in 36 characters');
  t.equal(formFor('😀'.repeat(18)), 'bcrypt-sha256', '72 bytes in 18 characters');
  t.equal(formFor('a\0b'), 'bcrypt-sha256', 'bcrypt cannot tell "a" from "a\\0a"');
});

t.test('what bcrypt is given', async (t) => {
  t.equal(bcryptInput({ form: 'bcrypt' }, 'secret'), 'secret');
  t.equal(bcryptInput({ form: 'bcrypt' }, 'secret\0anything'), null);
  const version2 = bcryptInput({ form: 'bcrypt-sha256', version: 2, salt }, 'secret\0anything');
  t.match(version2, /^[A-Za-z0-9+/]{43}=$/);
  t.not(
    version2,
    bcryptInput(
      { form: 'bcrypt-sha256', version: 2, salt: encodeSalt(new Uint8Array(16)) },
      'secret\0anything',
    ),
  );
});

t.test('needsRehash', async (t) => {
  const long = 'x'.repeat(72);
  const table: [boolean, string, string, number][] = [
    [false, plain('2b', '12'), 'secret', 12],
    [true, plain('2b', '11'), 'secret', 12],
    [true, plain('2b', '13'), 'secret', 12],
    [true, plain('2a', '12'), 'secret', 12],
    [true, plain('2y', '12'), 'secret', 12],
    [false, plain('2b', '12'), 'x'.repeat(71), 12],
    [true, plain('2b', '12'), long, 12],
    [false, digested('v=2,t=2b,r=12'), long, 12],
    [true, digested('v=2,t=2b,r=12'), 'secret', 12],
    [true, digested('v=2,t=2b,r=11'), long, 12],
    [true, digested('2b,12'), long, 12],
    [true, digested('2a,12'), long, 12],
  ];
  for (const [expected, stored, password, cost] of table) {
    t.equal(
      needsRehash(parse(stored), password, cost),
      expected,
      `${stored} of ${password.length} at ${cost}`,
    );
  }
});

t.test('the hash of nobody', async (t) => {
  const [hash, another] = [unmatchableHash(12), unmatchableHash(12)];
  t.same(parse(formatStoredHash(hash)), hash, 'is of the form and cost of others');
  t.match(hash, { form: 'bcrypt', ident: '2b', cost: 12 });
  t.not(hash.salt, another.salt);
  t.not(hash.digest, another.digest);
  for (const cost of [3, 32]) t.throws(() => unmatchableHash(cost), RangeError);
});
