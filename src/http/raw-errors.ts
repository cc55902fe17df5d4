import { randomUUID } from 'node:crypto';
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { ApiError, type ErrorCode } from '../errors.ts';
import { envelope } from './error-handler.ts';

const parserCodes: Record<string, ErrorCode> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
};

/** Answers what Node's parser refuses before it is a request at all: the same envelope, written by hand. */
export function refuseUnparsed(
  this: FastifyInstance,
  error: Error & { code?: string },
  socket: Socket,
): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const refusal = new ApiError(parserCodes[error.code ?? ''] ?? 'MALFORMED_REQUEST', { cause: error });
  const id = randomUUID();
  this.log.debug({ reqId: id, code: error.code, error_code: refusal.code }, 'refused an unparsable request');
  if (socket.writable) socket.write(rawResponse(refusal, id));
  socket.destroy(error);
}

function rawResponse(refusal: ApiError, id: string): string {
  const body = JSON.stringify(envelope(refusal));
  return [
    `HTTP/1.1 ${refusal.statusCode} ${STATUS_CODES[refusal.statusCode]}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    `X-Request-Id: ${id}`,
    '',
    body,
  ].join('\r\n');
}

/**
 * Two more refusals that Node would send without a body: an Expect other than 100-continue, and HTTP/1.1 without
 * Host (RFC 9112 §3.2), whose check in Node is switched off for this.
 */
export default fp(
  async (app) => {
    app.server.on('checkExpectation', (request, response) => {
      const refusal = new ApiError('EXPECTATION_FAILED');
      request.resume();
      response
        .writeHead(refusal.statusCode, {
          'content-type': 'application/json; charset=utf-8',
          'x-request-id': randomUUID(),
        })
        .end(JSON.stringify(envelope(refusal)));
    });
    app.addHook('onRequest', (request, _reply, done) => {
      if (request.headers.host === undefined && request.raw.httpVersion === '1.1') {
        throw new ApiError('MALFORMED_REQUEST', { detail: 'The Host header is missing' });
      }
      done();
    });
  },
  { name: 'raw-errors', dependencies: ['error-handler'] },
);
