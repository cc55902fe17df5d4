import { type FastifyHttpOptions, LogController, type RawServerDefault } from 'fastify';
import type { Config } from '../config/config.ts';
import { listOf } from '../config/schema.ts';
import { unparsedRefuser } from './raw-errors.ts';
import { requestId } from './request-id.ts';
import { routedTarget } from './request-target.ts';
import { ajvOptions } from './validation.ts';

const maxHeaderSize = 16 * 1024;

/** No path parameter is longer: what it may be is for its schema to say, and no route has a costly pattern. */
export const maxParamLength = maxHeaderSize;

/** How the HTTP server behaves before any route is asked. Times in milliseconds, sizes in bytes. */
export function serverOptions(config: Pick<Config, 'TRUST_PROXY'>): FastifyHttpOptions<RawServerDefault> {
  const proxies = listOf(config.TRUST_PROXY);
  return {
    bodyLimit: 16 * 1024,
    // Fastify's default of 0 would switch off Node's own bound on slow requests
    requestTimeout: 10_000,
    // Above the 60 s of common load balancers, so that it is they who close idle connections (no 502 on reuse)
    keepAliveTimeout: 72_000,
    http: {
      headersTimeout: 8000,
      // How often Node looks for requests that are over their time: its default of 30 s would make 38 s of the 8
      connectionsCheckingInterval: 1000,
      maxHeaderSize,
      // Node would take the first of two Host or Authorization headers, where a proxy may have looked at the second
      joinDuplicateHeaders: true,
      // raw-errors looks itself, as Node would refuse without a body
      requireHostHeader: false,
    },
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
    rewriteUrl: routedTarget,
    routerOptions: { maxParamLength },
    clientErrorHandler: unparsedRefuser(),
  };
}
