import fc from 'fast-check';
import type { ErrorCode } from '../../src/errors.ts';
import type { Body, Fault, Faults } from './arbitrary-faults.ts';
import { blank, notText, notUnicode, withNul } from './arbitrary-input.ts';
import { type SchemaObject, valuesOf } from './arbitrary-schema.ts';
import type { FuzzedOperation } from './fuzzed-operation.ts';

/** What is wrong with one of the fields, each of which is text. */
export function ofMembers(operation: FuzzedOperation, body: Body): Faults[] {
  const {
    body: { properties = {}, required = [] },
  } = operation;
  const changed = (fault: string, field: string, text: string) => faultIn(operation, fault, field, text);
  const faults = Object.entries(properties).flatMap(([field, schema]) => {
    const raw = (fault: string, value: string) => changed(fault, field, withMember(body, field, value));
    const found: Faults[] = [
      notValues(schema).map(({ fault, value }) => raw(`${field}: ${fault}`, JSON.stringify(value))),
      fc
        .constantFrom(
          '1e400',
          '-0',
          '9007199254740993',
          '1'.repeat(400),
          '[[[[[[]]]]]]',
          `${'['.repeat(3000)}${']'.repeat(3000)}`,
        )
        .map((value) => raw(`${field}: an odd value`, value)),
      valuesOf(schema).map((value) => {
        const text = withMember(body, field, JSON.stringify(body[field] ?? 'x'));
        const twice = `{${JSON.stringify(field)}:${JSON.stringify(value)},${text.slice(1)}`;
        return changed(`${field}: given twice`, field, twice);
      }),
    ];
    if (required.includes(field)) {
      const { [field]: _, ...others } = body;
      found.push(fc.constant(changed(`${field}: missing`, field, JSON.stringify(others))));
    }
    return found;
  });
  return faults;
}

/** One character too many or too few, and what is required missing: of each field, and in every run. */
export function boundaryFaults(operation: FuzzedOperation, body: Body): Fault[] {
  const { properties = {}, required = [] } = operation.body;
  return Object.entries(properties).flatMap(([field, { minLength = 0, maxLength = 0 }]) => {
    const ofLength = (fault: string, length: number) =>
      faultIn(operation, fault, field, withMember(body, field, JSON.stringify('x'.repeat(length))));
    const { [field]: _, ...others } = body;
    return [
      ofLength(`${field}: one too many`, maxLength + 1),
      ...(minLength > 0 ? [ofLength(`${field}: one too few`, minLength - 1)] : []),
      ...(required.includes(field)
        ? [faultIn(operation, `${field}: missing`, field, JSON.stringify(others))]
        : []),
    ];
  });
}

function faultIn({ bodyLimit = 0 }: FuzzedOperation, fault: string, field: string, payload: string): Fault {
  return Buffer.byteLength(payload) > bodyLimit
    ? { fault, answer: 'BODY_TOO_LARGE', change: { payload } }
    : { fault, answer: 'VALIDATION_ERROR', field, change: { payload } };
}

/** Values that break one keyword of a string's schema. */
function notValues(schema: SchemaObject): fc.Arbitrary<{ fault: string; value: unknown }> {
  const { minLength = 0, maxLength = 0, pattern, format, nullable = false } = schema;
  if (schema.type !== 'string' || maxLength === 0)
    throw new Error(`no faults are made for ${JSON.stringify(schema)}`);
  const named = (fault: string, values: fc.Arbitrary<unknown>) => values.map((value) => ({ fault, value }));
  const kinds = [
    named('no text', notText),
    named('a lone surrogate', notUnicode),
    named('U+0000', withNul),
    named(
      'too long',
      fc
        .tuple(fc.constantFrom('x', '🙂'), fc.constantFrom(1, 2, 50))
        .map(([each, more]) => each.repeat(maxLength + more)),
    ),
  ];
  if (!nullable) kinds.push(named('null', fc.constant(null)));
  if (minLength > 0) {
    const short = fc.nat(minLength - 1).map((length) => 'x'.repeat(length));
    kinds.push(named('too short', short));
  }
  if (pattern !== undefined) kinds.push(named('blank', blank));
  if (format === 'email') kinds.push(named('no email', notEmails));
  return fc.oneof(...kinds);
}

const notEmails = fc.oneof(
  fc.constantFrom(
    '',
    '@',
    'a@',
    '@b.cd',
    'a@b',
    'a b@c.de',
    'a@b..c',
    'a@[127.0.0.1]',
    '"a"@b.cd',
    'a@b.cd\n',
    'a@b.1',
  ),
  fc.string({ maxLength: 30 }).map((text) => text.replaceAll('@', '')),
  fc.emailAddress().map((email) => ` ${email}`),
);

/** What is wrong with the whole. */
export function ofJson(operation: FuzzedOperation, body: Body): Faults[] {
  const known = Object.keys(operation.body.properties ?? {});
  const headers = { 'content-type': 'application/json' };
  const text = JSON.stringify(body);
  const answered = (answer: ErrorCode, fault: string, payload: string | Buffer, field?: string): Fault => ({
    fault,
    answer,
    ...(field !== undefined && { field }),
    change: { payload, headers },
  });
  const names = fc
    .oneof(
      fc.constantFrom('__proto__', 'constructor', 'toString', 'user_id', 'Email', ' email', 'a/b~c', ''),
      fc.string({ unit: 'binary', maxLength: 20 }),
    )
    .filter((name) => !known.includes(name) && !name.includes('\0') && name.isWellFormed());
  const deep = `${'{"a":'.repeat(2000)}1${'}'.repeat(2000)}`;
  const broken = operation.bodyRequired ? ['', ' '] : [' '];
  return [
    fc.tuple(names, fc.jsonValue({ maxDepth: 2 })).map(([name, value]) => {
      const payload = withMember(body, name, JSON.stringify(value));
      return answered('VALIDATION_ERROR', 'an unknown field', payload, name);
    }),
    fc
      .jsonValue({ maxDepth: 3 })
      .filter((value) =>
        value === null ? !operation.takesNull : typeof value !== 'object' || Array.isArray(value),
      )
      .map((value) => answered('VALIDATION_ERROR', 'no object', JSON.stringify(value), 'body')),
    fc.constant(answered('VALIDATION_ERROR', 'deep nesting', deep)),
    fc
      .integer({ min: 1, max: Math.max(1, text.length - 1) })
      .map((length) => answered('MALFORMED_JSON', 'cut off', text.slice(0, length))),
    fc
      .nat(text.length)
      .map((at) =>
        answered(
          'MALFORMED_JSON',
          'no UTF-8',
          Buffer.concat([Buffer.from(text.slice(0, at)), Buffer.from([0xff]), Buffer.from(text.slice(at))]),
        ),
      ),
    fc
      .constantFrom(...broken, '{', '[', '{]', "{'a':1}", '{"a":1,}', 'NaN', '{}{}', '['.repeat(9000))
      .map((each) => answered('MALFORMED_JSON', 'broken JSON', each)),
  ];
}

/** The text of an object with this member; its value is written as it is, and may be what JSON.stringify never writes. */
function withMember(body: Body, name: string, value: string): string {
  const { [name]: _, ...others } = Object(body) as Body;
  const rest = JSON.stringify(others).slice(1, -1);
  return `{${rest}${rest === '' ? '' : ','}${JSON.stringify(name)}:${value}}`;
}
