import { type FastifyHttpOptions, LogController, type RawServerDefault } from 'fastify';
import { type Config, listOf } from '../config/config.ts';
import { sendError, toApiError } from './error-handler.ts';
import { refuseUnparsed } from './raw-errors.ts';
import { requestId } from './request-id.ts';
import { ajvOptions } from './validation.ts';

/** How the HTTP server behaves before any route is asked. Times in milliseconds, sizes in bytes. */
export function serverOptions(config: Pick<Config, 'TRUST_PROXY'>): FastifyHttpOptions<RawServerDefault> {
  const proxies = listOf(config.TRUST_PROXY);
  return {
    bodyLimit: 16 * 1024,
    // Fastify's default of 0 would switch off Node's own bound on slow requests
    requestTimeout: 10_000,
    // Above the 60 s of common load balancers, so that it is they who close idle connections (no 502 on reuse)
    keepAliveTimeout: 72_000,
    http: { headersTimeout: 8000, maxHeaderSize: 16 * 1024, requireHostHeader: false },
    forceCloseConnections: 'idle',
    // Fastify would answer with a body of its own; a request that still arrives is served and its connection closed
    return503OnClosing: false,
    // Never `true` or a number: both believe a header that the client itself may have written
    trustProxy: proxies.length > 0 ? proxies : false,
    // request-log writes the one line of a request
    logController: new LogController({ disableRequestLogging: true }),
    requestIdHeader: false,
    genReqId: requestId,
    ajv: ajvOptions,
    routerOptions: { maxParamLength: 200 },
    clientErrorHandler: refuseUnparsed,
    frameworkErrors: (error, request, reply) => {
      reply.header('x-request-id', request.id);
      sendError(toApiError(error), request, reply);
    },
  };
}
