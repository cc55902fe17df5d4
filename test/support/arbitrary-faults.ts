import fc from 'fast-check';
import type { ErrorCode } from '../../src/errors.ts';
import { ofJson, ofMembers } from './arbitrary-json-faults.ts';
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

export type Body = Record<string, unknown>;

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
