import type { OutgoingHttpHeaders } from 'node:http';
import createRouter, { type HTTPMethod } from 'find-my-way';
import { type CatalogueEntry, errorCatalogue } from '../../src/errors.ts';
import { maxParamLength } from '../../src/http/server-options.ts';
import { committed, type Media, type Operation, operationsOf } from './document.ts';
import { schemaValidator } from './schema-validator.ts';

/** A request as far as the contract asks, and what was answered. */
export interface Exchange {
  method: string;
  /** The request target: path and query. */
  url: string;
  status: number;
  headers: OutgoingHttpHeaders;
  body: string;
}

/** HTTP and browsers know these without our document. */
const standardHeaders = new Set([
  ...['connection', 'content-length', 'content-type', 'date', 'keep-alive', 'transfer-encoding', 'vary'],
  ...['content-security-policy', 'cross-origin-opener-policy', 'cross-origin-resource-policy'],
  ...['origin-agent-cluster', 'referrer-policy', 'strict-transport-security', 'x-content-type-options'],
  ...['x-dns-prefetch-control', 'x-download-options', 'x-frame-options', 'x-permitted-cross-domain-policies'],
  'x-xss-protection',
]);

const validator = schemaValidator(committed);
const paths = createRouter({ maxParamLength });
for (const { method, path, ...operation } of operationsOf(committed)) {
  const url = path.replaceAll(/\{(\w+)\}/g, ':$1');
  paths.on(method.toUpperCase() as HTTPMethod, url, () => {}, operation);
}

/**
 * What of this exchange is not in openapi.json; what is no operation of it may answer with errors alone, but for the few
 * things that are served beside the operations. */
export function violations(exchange: Exchange): string[] {
  const operation = operationOf(exchange);
  const found = operation === undefined ? ofOthers(exchange) : ofOperation(exchange, operation);
  if (exchange.status >= 400 && exchange.headers['cache-control'] !== 'no-store') found.push('may be cached');
  return found.map((each) => `${exchange.method} ${exchange.url.slice(0, 100)}: ${exchange.status} ${each}`);
}

/** @throws Error that names what is not in openapi.json */
export function check(exchange: Exchange): void {
  const found = violations(exchange);
  if (found.length > 0)
    throw new Error(`not in openapi.json:\n${found.join('\n')}\n${exchange.body.slice(0, 500)}`);
}

/** Of a target in either form (RFC 9112 §3.2). */
function pathOf(target: string): string {
  const [path] = target.replace(/^https?:\/\/[^/?#]+/i, '').split('?');
  return path || '/';
}

function operationOf({ method, url }: Exchange): Operation | undefined {
  const path = pathOf(url);
  // A HEAD is answered as the GET would be, without its body
  const asked = method === 'HEAD' ? 'GET' : method;
  // A path without parameters is none that has some (OpenAPI 3.0.3 §4.7.8.2)
  if (path in committed.paths && !(asked.toLowerCase() in (committed.paths[path] ?? {}))) return undefined;
  const found = paths.find(asked as HTTPMethod, path);
  return found?.store as Operation | undefined;
}

function ofOperation(exchange: Exchange, { responses }: Operation): string[] {
  const response = responses[exchange.status];
  if (response === undefined) return ['is not declared'];
  const declared = Object.entries(response.headers).flatMap(([name, { required, schema }]) => {
    const value = exchange.headers[name];
    if (value === undefined) return required ? [`lacks the header ${name}`] : [];
    const typed = schema.type === 'integer' && /^\d+$/.test(String(value)) ? Number(value) : value;
    return validator(schema)(typed).map((problem) => `${name}: ${problem}`);
  });
  return [
    ...declared,
    ...undeclaredHeaders(exchange, Object.keys(response.headers)),
    ...(exchange.method === 'HEAD' ? [] : ofBody(exchange, response.content)),
  ];
}

function undeclaredHeaders({ headers }: Exchange, declared: string[]): string[] {
  return Object.entries(headers)
    .filter(([name, value]) => {
      if (declared.includes(name) || standardHeaders.has(name)) return false;
      if (name.startsWith('access-control-')) return false;
      // That nothing may be stored is the rule here; what may be is declared
      return name !== 'cache-control' || value !== 'no-store';
    })
    .map(([name, value]) => `has the header ${name}: ${value}, which is not declared`);
}

function ofBody({ status, headers, body }: Exchange, content: Record<string, Media> | undefined): string[] {
  const type = mediaType(headers);
  if (content === undefined) {
    // A 304 tells of the representation that it does not send (RFC 9110 §15.4.5)
    const isEmpty = body === '' && (type === '' || status === 304);
    return isEmpty ? [] : ['has a body or a content type, and none is declared'];
  }
  const media = content[type];
  if (media === undefined) return [`has the content type ${type}, which is not declared`];
  const value = parsed(body);
  if (value === undefined) return ['has a body that is not JSON'];
  const problems = validator(media.schema)(value);
  if (problems.length > 0 || status < 400) return problems;
  const code = codeOf(value);
  const declared = Object.values(media.examples ?? {}).map((example) => codeOf(example.value));
  return declared.includes(code) ? [] : [`has the error_code ${code}, which is not declared`];
}

function codeOf(error: unknown): string {
  return (error as { error_code: string }).error_code;
}

/** What holds for answers to requests that are no operation's: unknown paths, wrong methods, no HTTP at all. */
function ofOthers(exchange: Exchange): string[] {
  const { method, status, headers, body } = exchange;
  if (status < 400) return isBesideOperations(exchange) ? [] : ['is a success of no operation'];
  const allow = status === 405 ? ['allow'] : [];
  const problems = ['x-request-id', ...allow]
    .filter((name) => headers[name] === undefined)
    .map((name) => `lacks the header ${name}`);
  problems.push(
    ...undeclaredHeaders(exchange, ['x-request-id', 'retry-after', 'www-authenticate', ...allow]),
  );
  if (method === 'HEAD') return problems;
  const schema = { $ref: '#/components/schemas/ErrorResponse' };
  problems.push(...ofBody(exchange, { 'application/json': { schema, examples: withStatus(status) } }));
  if (body === '') problems.push('has no body');
  return problems;
}

/** The way to the docs pages, these with what they load, the document itself, and what browsers ask before a request. */
function isBesideOperations({ method, url, status, headers, body }: Exchange): boolean {
  const path = pathOf(url);
  if (method === 'GET' || method === 'HEAD')
    return /^(?:\/|\/(?:docs|redoc)(?:\/.*)?|\/openapi\.(?:json|yaml))$/.test(path);
  const isPreflight = method === 'OPTIONS' && headers['access-control-allow-methods'] !== undefined;
  return isPreflight && status === 204 && body === '';
}

/** An example of each error with this status. */
function withStatus(wanted: number): Record<string, { value: unknown }> {
  const entries = Object.entries<CatalogueEntry>(errorCatalogue);
  return Object.fromEntries(
    entries
      .filter(([, { status }]) => status === wanted)
      .map(([code]) => [code, { value: { error_code: code } }]),
  );
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

function mediaType(headers: OutgoingHttpHeaders): string {
  return String(headers['content-type'] ?? '').split(';')[0] ?? '';
}
