import fc from 'fast-check';
import type { ErrorCode } from '../../src/errors.ts';
import { blank, notText, notUnicode, withNul } from './arbitrary-input.ts';
import { type SchemaObject, valuesOf } from './arbitrary-schema.ts';
import type { FuzzedRequest } from './fuzz-world.ts';
import { type FuzzedOperation, operationsAt } from './fuzzed-operation.ts';

/** One thing that is wrong with a request, and the only answer there may be. */
export interface Fault {
  fault: string;
  answer: ErrorCode;
  /** Which a 422 names; undefined where it is the document's to say. */
  field?: string;
  /** What it changes in a request that is in order. */
  change: Partial<FuzzedRequest>;
}

export type Faults = fc.Arbitrary<Fault>;

type Body = Record<string, unknown>;

/** Faults that a request of this operation can have, whoever sends it; `body` is one that is in order. */
export function faultsOf(
  operation: FuzzedOperation,
  { url, headers, payload }: FuzzedRequest,
  body: Body,
): Faults {
  const kinds: Faults[] = [ofMethod(operation, url), ofHost(headers)];
  if (Object.keys(operation.params).length > 0) kinds.push(ofParams(operation), ofEscapes(operation));
  if (operation.takes !== 'ignored') kinds.push(...ofAnyBody(operation, headers, payload ?? '{}'));
  if (operation.takes === 'json') kinds.push(...ofMembers(operation, body));
  if (operation.takes === 'json' || operation.takes === 'nothing') kinds.push(...ofJson(operation, body));
  if (operation.takes === 'form') kinds.push(ofForm(body));
  return fc.oneof(...kinds.map((arbitrary) => ({ weight: 1, arbitrary })));
}

const methods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'HEAD', 'PROPFIND', 'SEARCH'];

function ofMethod({ path }: FuzzedOperation, url: string): Faults {
  const allowed = operationsAt(path).map(({ method }) => method);
  if (allowed.includes('GET')) allowed.push('HEAD');
  return fc
    .constantFrom(...methods.filter((method) => !allowed.includes(method)))
    .map((method) => ({ fault: 'wrong method', answer: 'METHOD_NOT_ALLOWED', change: { method, url } }));
}

function ofHost(headers: Record<string, string>): Faults {
  return fc.tuple(fc.domain(), fc.domain()).map((hosts) => ({
    fault: 'two hosts',
    answer: 'MALFORMED_REQUEST',
    change: { headers: { ...headers, host: hosts.join(', ') } },
  }));
}

function ofParams({ path, params }: FuzzedOperation): Faults {
  const [[name, { maximum = 0 }] = ['', {}]] = Object.entries(params);
  const isValid = (text: string) => /^[1-9]\d*$/.test(text) && Number(text) <= maximum;
  const odd = [
    '0',
    '-1',
    '-0',
    '1.0',
    '1e3',
    '+5',
    ' 5',
    '5 ',
    '007',
    '0x10',
    '٣',
    '１',
    'null',
    '%',
    '\0',
    '5\0',
  ];
  const notIds = fc.oneof(
    fc.constantFrom(
      ...odd,
      String(maximum + 1),
      '9'.repeat(8000),
      '[object Object]',
      '__proto__',
      '../1',
      'a/b',
    ),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
    fc.bigInt({ min: BigInt(maximum) + 1n }).map(String),
    fc.double({ noInteger: true }).map(String),
  );
  return notIds
    .filter((text) => text.isWellFormed() && !isValid(text) && text !== '.' && text !== '..')
    .map((text) => ({
      fault: `not an id: ${JSON.stringify(text.slice(0, 40))}`,
      answer: 'VALIDATION_ERROR',
      field: name,
      change: { url: path.replace(/\{\w+\}/, encodeURIComponent(text)) },
    }));
}

function ofEscapes({ path }: FuzzedOperation): Faults {
  return fc.constantFrom('%', '%zz', '%ff', '%c3', '1%', '%ed%a0%80').map((text) => ({
    fault: 'broken percent-encoding',
    answer: 'MALFORMED_REQUEST',
    change: { url: path.replace(/\{\w+\}/, text) },
  }));
}

function ofAnyBody(
  operation: FuzzedOperation,
  headers: Record<string, string>,
  payload: string | Buffer,
): Faults[] {
  const { takes, bodyLimit = 0 } = operation;
  const other = takes === 'form' ? 'application/json' : 'application/x-www-form-urlencoded';
  const types = fc.constantFrom(
    other,
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/xml',
    'x',
    '*/*',
  );
  const own = takes === 'form' ? 'application/x-www-form-urlencoded' : 'application/json';
  const sent = { ...headers, 'content-type': own };
  const filler = takes === 'form' ? 'x' : ' ';
  return [
    types.map((type) => ({
      fault: 'wrong content type',
      answer: 'UNSUPPORTED_MEDIA_TYPE',
      change: { headers: { ...headers, 'content-type': type }, payload },
    })),
    fc.constantFrom('gzip', 'br', 'deflate', 'x', 'identity, gzip').map((coding) => ({
      fault: 'content coding',
      answer: 'UNSUPPORTED_MEDIA_TYPE',
      change: { headers: { ...sent, 'content-encoding': coding }, payload },
    })),
    fc.constantFrom(1, 2, 1000, 100_000).map((more) => ({
      fault: `${more} bytes more than the limit`,
      answer: 'BODY_TOO_LARGE',
      change: { headers: sent, payload: String(payload).padEnd(bodyLimit + more, filler) },
    })),
  ];
}

/** What is wrong with one of the fields, each of which is text. */
function ofMembers(operation: FuzzedOperation, body: Body): Faults[] {
  const {
    body: { properties = {}, required = [] },
  } = operation;
  const changed = (fault: string, field: string, text: string): Fault => {
    const tooLarge = Buffer.byteLength(text) > (operation.bodyLimit ?? 0);
    return tooLarge
      ? { fault, answer: 'BODY_TOO_LARGE', change: { payload: text } }
      : { fault, answer: 'VALIDATION_ERROR', field, change: { payload: text } };
  };
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

function ofJson(operation: FuzzedOperation, body: Body): Faults[] {
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
      .filter((value) => typeof value !== 'object' || value === null || Array.isArray(value))
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

function ofForm(body: Body): Faults {
  const form = new URLSearchParams(body as Record<string, string>).toString();
  const payloads = fc.oneof(
    fc
      .constantFrom('', '&', 'token', 'token=', '=x', 'Token=x', 'token%3Dx')
      .map((payload) => ['no token', payload]),
    fc
      .string({ maxLength: 9 })
      .map((each) => ['token given twice', `${form}&token=${encodeURIComponent(each.toWellFormed())}`]),
    fc
      .constantFrom('%', '%zz', '%ff', '%c3', '%ed%a0%80')
      .map((each) => ['a broken escape', `${form}&x=${each}`]),
    fc
      .uint8Array({ minLength: 1, maxLength: 9, min: 0x80, max: 0xbf })
      .map((bytes) => ['no UTF-8', Buffer.concat([Buffer.from(`${form}&x=`), bytes])]),
  ) as fc.Arbitrary<[string, string | Buffer]>;
  return payloads.map(([fault, payload]) => ({
    fault,
    answer: 'OAUTH_REQUEST_INVALID',
    change: { payload },
  }));
}
