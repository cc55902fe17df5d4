import fc from 'fast-check';
import type { Answer } from './app.ts';
import { newPerson } from './people.ts';
import { refusedFields } from './refused.ts';

export type Body = Record<string, unknown>;

export const someone = (): Body => ({ ...newPerson(), about: 'Countess' });
const credentials = (): Body => ({ email: newPerson().email, password: 'analytical engine' });

/** Every operation with a JSON body: its fields and how long each may be. */
export const operations: {
  url: string;
  valid: () => Body;
  longest: Record<string, number>;
  optional: string[];
  /** Fields that take any text, as it is only compared with what is stored. */
  unjudged: string[];
}[] = [
  {
    url: '/auth/user/create',
    valid: someone,
    longest: { email: 254, password: 1024, name: 200, location: 200, about: 1000 },
    optional: ['name', 'location', 'about'],
    unjudged: [],
  },
  {
    url: '/api/v1/register-user',
    valid: someone,
    longest: { email: 254, password: 1024, name: 200, location: 200, about: 1000 },
    optional: ['about'],
    unjudged: [],
  },
  {
    url: '/auth/user/verify',
    valid: credentials,
    longest: { email: 1000, password: 1024 },
    optional: [],
    unjudged: ['email', 'password'],
  },
  {
    url: '/api/v1/auth/login',
    valid: credentials,
    longest: { email: 1000, password: 1024 },
    optional: [],
    unjudged: ['email', 'password'],
  },
  {
    url: '/api/v1/auth/refresh-token',
    valid: () => ({ refresh_token: 'a.b.c' }),
    longest: { refresh_token: 70_000 },
    optional: [],
    unjudged: ['refresh_token'],
  },
  {
    url: '/api/v1/auth/logout',
    valid: () => ({ refresh_token: 'a.b.c' }),
    longest: { refresh_token: 70_000 },
    optional: ['refresh_token'],
    unjudged: ['refresh_token'],
  },
];

export const notText = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.array(fc.string(), { maxLength: 3 }),
  fc.dictionary(fc.string(), fc.string(), { maxKeys: 3 }),
  fc.constant({ $ne: null }),
  fc.constant(['a@example.com']),
);
export const blank = fc
  .array(fc.constantFrom(' ', '\t', '\n', '\r', '\u00a0', '\u2003', '\u3000', '\ufeff'), {
    minLength: 1,
    maxLength: 9,
  })
  .map((characters) => characters.join(''));
export const anyText = fc.string({ unit: 'binary', maxLength: 20 });
export const notUnicode = fc
  .tuple(anyText, fc.integer({ min: 0xd800, max: 0xdfff }), fc.constantFrom('', 'a', ' '))
  .map(([before, surrogate, after]) => `${before}${String.fromCharCode(surrogate)}${after}`);
export const withNul = fc.tuple(anyText, anyText).map(([before, after]) => `${before}\0${after}`);

/** Names in many scripts, and text that often breaks things. */
const scripts = fc.constantFrom(
  ...[
    'Ada Lovelace',
    'Åsa Öberg',
    'Łukasz',
    'Đặng Thị Hồng',
    'Ελένη',
    'Наталья',
    '王小明',
    '山田 太郎',
    '김철수',
  ],
  ...[
    'محمد علي',
    'שרה לוי',
    'อรุณ',
    'नरेंद्र',
    '👩‍👩‍👧‍👦',
    '🏴󠁧󠁢󠁳󠁣󠁴󠁿',
    '𝒜𝒹𝒶',
    'e\u0301',
    'Z͑ͫa̴l̷g̶o',
    '\u202eadA',
    "Robert'); DROP TABLE users;--",
  ],
  ...[
    '<script>',
    '{"a":1}',
    '\\u0000',
    '%00',
    '\ud83d\ude00',
    '\uffff',
    '\u0085',
    '\u200b',
    'a\nb\tc',
    'null',
    ' Ada ',
  ],
);
export const text = fc
  .oneof(scripts, fc.string({ unit: 'binary', minLength: 1, maxLength: 200 }))
  .filter((each) => !each.includes('\0') && /\S/.test(each) && each.isWellFormed());

/** Asserts a 422 that names these fields and no others. */
export function names(answer: Answer, fields: string[]): void {
  if (answer.status !== 422 || answer.body['error_code'] !== 'VALIDATION_ERROR') {
    throw new Error(`${answer.status} ${JSON.stringify(answer.body)}`);
  }
  const named = refusedFields(answer);
  if (JSON.stringify(named) !== JSON.stringify(fields)) throw new Error(`names ${named}, not ${fields}`);
}

/** Checks a property with few runs, as each sends requests. */
export async function check<T>(property: fc.IAsyncProperty<T>, numRuns = 12): Promise<void> {
  await fc.assert(property, { numRuns });
}
