import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { FastifyInstance, InjectOptions, LightMyRequestResponse } from 'fastify';
import { check, violations } from './contract.ts';

interface Failing {
  fail(message: string): unknown;
}

/**
 * Compares every response of the app with openapi.json. One that is injected rejects in the test that asked for it; one
 * that goes over a socket, whoever asked, fails the test that started the app.
 */
export function watch(t: Failing, app: FastifyInstance): void {
  const inject = app.inject.bind(app) as (options: InjectOptions | string) => Promise<LightMyRequestResponse>;
  const checked = async (options: InjectOptions | string) => {
    const response = await inject(options);
    const { method = 'GET', url = '' } = typeof options === 'string' ? { url: options } : options;
    const { statusCode: status, headers, body } = response;
    check({ method, url: String(url), status, headers, body });
    return response;
  };
  // The tests do not use its form with a callback
  app.inject = checked as typeof app.inject;
  app.server.prependListener('request', (request, response) => observe(request, response, t));
}

function observe(request: IncomingMessage, response: ServerResponse, t: Failing): void {
  const { method = '', url = '' } = request;
  const headers: OutgoingHttpHeaders = {};
  const chunks: Buffer[] = [];
  const { writeHead, write, end } = response;
  const keep = (chunk: unknown) => {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
  };
  Object.assign(response, {
    // What is given here does not get into response.getHeaders()
    writeHead: (...args: unknown[]) => {
      Object.assign(headers, headersIn(args.at(-1)));
      return Reflect.apply(writeHead, response, args);
    },
    write: (...args: unknown[]) => {
      keep(args[0]);
      return Reflect.apply(write, response, args);
    },
    end: (...args: unknown[]) => {
      keep(args[0]);
      return Reflect.apply(end, response, args);
    },
  });
  response.on('finish', () => {
    const body = Buffer.concat(chunks).toString();
    const sent = { ...response.getHeaders(), ...headers };
    for (const each of violations({ method, url, status: response.statusCode, headers: sent, body })) {
      t.fail(`not in openapi.json: ${each}`);
    }
  });
}

/** As an object, or as names and values in turn. */
function headersIn(given: unknown): OutgoingHttpHeaders {
  if (!Array.isArray(given)) return given as OutgoingHttpHeaders;
  const pairs = given.flatMap((name, index) => (index % 2 === 0 ? [[name, given[index + 1]]] : []));
  return Object.fromEntries(pairs);
}

/** fetch, for answers of another process; rejects when they are not in openapi.json. */
export async function fetchChecked(url: string, init: RequestInit = {}): Promise<Response> {
  const response = await fetch(url, init);
  const { pathname, search } = new URL(url);
  check({
    method: init.method ?? 'GET',
    url: `${pathname}${search}`,
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: await response.clone().text(),
  });
  return response;
}
