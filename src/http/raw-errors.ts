import { randomUUID } from 'node:crypto';
import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { ApiError, type ErrorCode } from '../errors.ts';
import { envelope } from './error-handler.ts';
import { inSlices } from './in-slices.ts';
import { apiPolicy } from './security-headers.ts';

const parserCodes: Record<string, ErrorCode> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
};

// Milliseconds
const lingering = 1000;

type ClientError = Error & { code?: string };

/** Answers what Node's parser refuses before it is a request at all: the same envelope, written by hand. */
export function unparsedRefuser(): (this: FastifyInstance, error: ClientError, socket: Socket) => void {
  // Node finds all that are out of time at once, and there may be thousands
  const refuseLate = inSlices(({ app, socket }: { app: FastifyInstance; socket: Socket }) => {
    // It may have arrived after all while others had their turn
    if (!answerOf(socket)?.req.complete) refuseUnparsed(app, 'ERR_HTTP_REQUEST_TIMEOUT', socket);
  });
  return function (this: FastifyInstance, { code = '' }, socket) {
    if (code !== 'ERR_HTTP_REQUEST_TIMEOUT') refuseUnparsed(this, code, socket);
    // What is late was sent behind a request that is being served. Node tells it once
    else if (!this.connections.endAfterAnswer(socket)) refuseLate({ app: this, socket });
  };
}

/** @param cause the code and no more: the error carries the bytes it was found in, which may hold a password */
function refuseUnparsed(app: FastifyInstance, cause: string, socket: Socket): void {
  if (cause === 'ECONNRESET' || socket.destroyed) return;
  // Nothing was asked, and a client that is about to ask would take the answer for its own
  if (socket.bytesRead === 0) socket.destroy();
  // As Node's own handler does: a second answer must not get into the middle of one that is on its way
  else if (answerOf(socket)?.headersSent) socket.destroy();
  // Not writable when this has been answered already and the client still sends
  else if (socket.writable)
    refuse(app, socket, new ApiError(parserCodes[cause] ?? 'MALFORMED_REQUEST', { cause }));
}

function answerOf(socket: Socket): ServerResponse<IncomingMessage> | null | undefined {
  return (socket as Socket & { _httpMessage?: ServerResponse<IncomingMessage> | null })._httpMessage;
}

function refuse({ log, events }: FastifyInstance, socket: Duplex, refusal: ApiError): void {
  const id = randomUUID();
  const { statusCode: status, code, cause } = refusal;
  log.info({ reqId: id, method: null, route: null, status, error_code: code, cause }, 'request');
  events.emit({ type: 'request', method: null, route: null, status, ms: null, errorCode: code });
  socket.end(rawResponse(refusal, id));
  // A request that came too late must not be completed after all
  if (refusal.code === 'REQUEST_TIMEOUT') socket.once('finish', () => socket.destroy());
  // RFC 9112 §9.6: to close at once, with data unread, would reset the connection and take the answer away
  setTimeout(() => socket.destroy(), lingering).unref();
}

function rawResponse(refusal: ApiError, id: string): string {
  const body = JSON.stringify(envelope(refusal));
  return [
    `HTTP/1.1 ${refusal.statusCode} ${STATUS_CODES[refusal.statusCode]}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...(refusal.allow ? [`Allow: ${refusal.allow.join(', ')}`] : []),
    'Cache-Control: no-store',
    `Content-Security-Policy: ${apiPolicy}`,
    'X-Content-Type-Options: nosniff',
    'Connection: close',
    `X-Request-Id: ${id}`,
    '',
    body,
  ].join('\r\n');
}

/** What Node would refuse without a body, or not at all: Expect, CONNECT, transfer codings, and requests without exactly one Host. */
export default fp(
  async (app) => {
    // Node drops what comes after 2,000 headers without a word, a second Authorization among it; maxHeaderSize is bound enough
    app.server.maxHeadersCount = 0;

    const unexpected = new WeakSet<IncomingMessage>();
    app.server.on('checkExpectation', (request, response) => {
      unexpected.add(request);
      app.server.emit('request', request, response);
    });

    app.addHook('onRequest', (request, reply, done) => {
      const refusal = refusalOf(request.raw);
      if (refusal === undefined) return done();
      reply.header('connection', 'close');
      throw refusal;
    });

    function refusalOf(request: IncomingMessage): ApiError | undefined {
      const { host } = request.headers;
      // RFC 9112 §3.2. Several come joined by ", ", and no host has a space
      if (host === undefined ? request.httpVersion === '1.1' : host.includes(' ')) {
        return new ApiError('MALFORMED_REQUEST', { detail: 'The request needs exactly one Host header' });
      }
      // RFC 9112 §6.1, §6.3: Node reads past codings before "chunked", and past an empty list of them; it finds a length
      // beside them only when it meets the body
      const coding = request.headers['transfer-encoding'];
      const isChunked = coding?.toLowerCase() === 'chunked' && !('content-length' in request.headers);
      if (coding !== undefined && !isChunked) {
        return new ApiError('MALFORMED_REQUEST', { detail: 'A body is chunked or has a Content-Length' });
      }
      // RFC 9110 §10.1.1
      return unexpected.has(request) ? new ApiError('EXPECTATION_FAILED') : undefined;
    }

    // RFC 9110 §9.3.6: CONNECT names an authority, not a path. This is no proxy, so Allow is empty
    app.server.on('connect', (_request, socket) => {
      socket.on('error', () => socket.destroy());
      refuse(app, socket, new ApiError('METHOD_NOT_ALLOWED', { allow: [] }));
    });
  },
  {
    name: 'raw-errors',
    dependencies: ['connections', 'error-handler', 'request-log', 'security-headers'],
  },
);
