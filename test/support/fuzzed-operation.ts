import { resolved, type SchemaObject } from './arbitrary-schema.ts';
import { committed, type Operation, operationsOf } from './document.ts';

/** An operation of the document, as a fuzzer looks at it. */
export interface FuzzedOperation {
  id: string;
  tag: string;
  method: string;
  /** With the parameters in braces. */
  path: string;
  params: Record<string, SchemaObject>;
  /** 'nothing' is an operation that refuses bodies with something in them, 'ignored' one that does not look. */
  takes: 'json' | 'form' | 'nothing' | 'ignored';
  body: SchemaObject;
  bodyRequired: boolean;
  /** Null is no body there: which no schema says, and the document's words do. */
  takesNull: boolean;
  /** By what it can tell who asks, and whether it has to. */
  credentials: 'accessToken' | 'client' | 'accessTokenIfNoBody' | 'none';
  /** Bytes of a body, as the document has them in words; undefined where it declares no 413. */
  bodyLimit: number | undefined;
  /** All that the document says of it, its request schema included. */
  words: string;
}

export const fuzzedOperations: FuzzedOperation[] = operationsOf(committed).map((operation) => {
  const { operationId: id, tags, method, path, parameters = [], requestBody, responses } = operation;
  const other = parameters.find((parameter) => parameter.in !== 'path');
  if (other) throw new Error(`no values are made for parameters in ${other.in}`);
  const [type, media] = Object.entries(requestBody?.content ?? {})[0] ?? [];
  const body = resolved(media?.schema ?? { type: 'object', properties: {}, additionalProperties: false });
  return {
    id,
    tag: tags[0] ?? '',
    method: method.toUpperCase(),
    path,
    params: Object.fromEntries(parameters.map(({ name, schema }) => [name, schema as SchemaObject])),
    takes: type === undefined ? (responses[415] ? 'nothing' : 'ignored') : takes(type),
    body,
    bodyRequired: requestBody?.required ?? false,
    takesNull: /leave the body out, or send null for it/.test(operation.description),
    credentials: credentialsOf(operation),
    bodyLimit: limitOf(responses[413]?.description),
    words: `${committed.info.description} ${JSON.stringify([operation, body])}`,
  };
});

function takes(mediaType: string): 'json' | 'form' {
  if (mediaType === 'application/json') return 'json';
  if (mediaType === 'application/x-www-form-urlencoded') return 'form';
  throw new Error(`no bodies are made of ${mediaType}`);
}

function credentialsOf({ operationId, security }: Operation): FuzzedOperation['credentials'] {
  const schemes = security.flatMap((each) => Object.keys(each));
  if (schemes.length === 0) return 'none';
  if (schemes.length === 1 && schemes[0] === 'client') return 'client';
  if (schemes.length === 1 && schemes[0] === 'accessToken')
    return security.length === 1 ? 'accessToken' : 'accessTokenIfNoBody';
  throw new Error(`no credentials are made for ${operationId}`);
}

function limitOf(description: string | undefined): number | undefined {
  if (description === undefined) return undefined;
  const kibibytes = /exceeds (\d+) KiB/.exec(description)?.[1];
  if (kibibytes === undefined)
    throw new Error(`a limit is declared, and not how large it is: ${description}`);
  return Number(kibibytes) * 1024;
}

/** Which file of test/contract fuzzes an operation: that of its tag, and another for those that end sessions. */
export function partOf({ tag, id }: FuzzedOperation): string {
  return tag === 'sessions' && /^(end|logout)/.test(id) ? 'session-ends' : tag;
}

/** The operations of a path; those of a path without parameters come before others (OpenAPI 3.0.3 §4.7.8.2). */
export function operationsAt(path: string): FuzzedOperation[] {
  const concrete = fuzzedOperations.filter((operation) => operation.path === path);
  if (concrete.length > 0) return concrete;
  return fuzzedOperations.filter((operation) => {
    const form = operation.path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+');
    return new RegExp(`^${form}$`).test(path);
  });
}
