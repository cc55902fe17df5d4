import fc from 'fast-check';
import { valuesOf } from './arbitrary-schema.ts';
import { basic, gateway } from './clients.ts';
import type { Caller, FuzzedRequest } from './fuzz-world.ts';
import type { FuzzedOperation } from './fuzzed-operation.ts';
import { bearer } from './people.ts';

/** Values that the document allows, and what else a request may carry that changes nothing. */
export interface ValidData {
  params: Record<string, unknown>;
  /** Undefined where there is none, null where that says so. */
  body: Record<string, unknown> | null | undefined;
  /** The values that a caller has take the place of those that are made up. */
  asCaller: boolean;
  query: string;
  headers: Record<string, string>;
}

const headerText = fc.string({
  unit: fc
    .integer({ min: 0x20, max: 0xff })
    .filter((code) => code !== 0x7f)
    .map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 20,
});

const query = fc.oneof(
  { weight: 5, arbitrary: fc.constant('') },
  fc.webQueryParameters().map((text) => `?${text}`),
  fc.constantFrom('?', '?access_token=a.b.c', '?__proto__=1&a[b]=c', '?%zz', '?%00', '?a&a&a'),
);

const headers = fc.oneof(
  { weight: 3, arbitrary: fc.constant({}) },
  fc.record(
    {
      accept: fc.oneof(fc.constantFrom('application/json', 'text/html', '*/*;q=0', 'x'), headerText),
      'accept-encoding': fc.constantFrom('gzip', 'identity;q=0', '*;q=0', 'br'),
      'user-agent': headerText,
      'x-request-id': headerText,
      'x-forwarded-for': fc.oneof(fc.ipV4(), fc.ipV6(), headerText),
      'if-none-match': fc.oneof(fc.constantFrom('*', 'W/"x"', '"x"'), headerText),
      'if-modified-since': fc.constantFrom('Sat, 01 Jan 2000 00:00:00 GMT', 'x'),
      origin: fc.constantFrom('https://app.example', 'null', 'x'),
      cookie: headerText,
      range: fc.constantFrom('bytes=0-0', 'bytes=9-1', 'x'),
    },
    { requiredKeys: [], noNullPrototype: true },
  ),
);

export function validData(operation: FuzzedOperation): fc.Arbitrary<ValidData> {
  const { params, takes, body, bodyRequired, takesNull } = operation;
  const bodies = valuesOf(body) as fc.Arbitrary<Record<string, unknown>>;
  const orNull = takesNull ? fc.option(bodies, { freq: 3 }) : bodies;
  const mayLack = bodyRequired ? orNull : fc.option(orNull, { freq: 3, nil: undefined });
  const named = Object.entries(params).map(([name, each]) => [name, valuesOf(each)]);
  return fc.record({
    params: fc.record(Object.fromEntries(named), { noNullPrototype: true }),
    body: takes === 'ignored' ? fc.constant(undefined) : mayLack,
    asCaller: fc.boolean(),
    query,
    headers,
  });
}

/** The names that stand for something a caller has; an email that registers is to be new instead. */
export function namesOfCaller({ params, body }: FuzzedOperation, { values }: Caller): string[] {
  const properties = body.properties ?? {};
  const registers = 'email' in properties && 'name' in properties;
  const names = [...Object.keys(params), ...Object.keys(properties)];
  return registers ? [] : names.filter((name) => name in values);
}

/** What is sent of the data: with the caller's credentials, and with the caller's values where the data wants them. */
export function requestOf(operation: FuzzedOperation, data: ValidData, caller: Caller): FuzzedRequest {
  const own = Object.fromEntries(namesOfCaller(operation, caller).map((name) => [name, caller.values[name]]));
  const replaced = (values: Record<string, unknown>) =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, data.asCaller && name in own ? own[name] : value]),
    );
  const { method, takes } = operation;
  const body = data.body && replaced(data.body);
  const inForm = takes === 'form' && data.asCaller && body ? identify(body) : false;
  const credentials = inForm ? {} : credentialsFor(operation, caller);
  return {
    method,
    url: urlOf(operation, replaced(data.params)) + data.query,
    ...written(takes, body, { ...data.headers, ...credentials }),
  };
}

/** Puts the client in the form where the form has a place for it; whether that authenticates it. */
function identify(form: Record<string, unknown>): boolean {
  const authenticates = 'client_secret' in form;
  if (authenticates) form['client_secret'] = gateway.secret;
  if (authenticates || 'client_id' in form) form['client_id'] = gateway.id;
  return authenticates;
}

/** A request that is in order, with a body, for faults to be made in. */
export function plainRequest(
  operation: FuzzedOperation,
  caller: Caller,
  body: Record<string, unknown>,
): FuzzedRequest {
  const { method, takes } = operation;
  const headers = credentialsFor(operation, caller);
  return {
    method,
    url: urlOf(operation, caller.values),
    ...(takes === 'ignored' ? { headers } : written(takes, body, headers)),
  };
}

function credentialsFor({ credentials }: FuzzedOperation, { accessToken }: Caller): Record<string, string> {
  if (credentials === 'none') return {};
  return credentials === 'client' ? basic(gateway) : bearer(accessToken);
}

function urlOf({ path }: FuzzedOperation, params: Record<string, unknown>): string {
  return path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(String(params[name])));
}

function written(
  takes: FuzzedOperation['takes'],
  body: Record<string, unknown> | null | undefined,
  headers: Record<string, string>,
): Pick<FuzzedRequest, 'headers' | 'payload'> {
  if (body === undefined) return { headers };
  return takes === 'form'
    ? {
        headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
        payload: new URLSearchParams(body as Record<string, string>).toString(),
      }
    : { headers: { ...headers, 'content-type': 'application/json' }, payload: JSON.stringify(body) };
}
