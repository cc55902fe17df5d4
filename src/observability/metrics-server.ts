import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Log } from './logger.ts';
import type { Metrics } from './metrics.ts';

type Exposed = Pick<Metrics, 'exposition'>;

// Milliseconds
const timeouts = { requestTimeout: 5000, headersTimeout: 5000, connectionsCheckingInterval: 1000 };
// Above the 60 s that are between two scrapes at most, so that a kept connection is not closed under the next one
const keepAliveTimeout = 72_000;
const closeBoundMs = 1000;
// Some for each of a few Prometheus servers; whoever takes more takes them from nobody but these
export const maxConnections = 32;

export interface MetricsAddress {
  host: string;
  port: number;
}

/**
 * Answers GET /metrics on a listener of its own: what watches the service is neither in the way of its clients nor in
 * their reach. Returns what closes it.
 *
 * @throws Error of Node's listen() when the address cannot be listened on
 */
export async function serveMetrics(
  metrics: Exposed,
  { host, port }: MetricsAddress,
  log: Log,
): Promise<() => Promise<void>> {
  const server = createServer({ ...timeouts, keepAliveTimeout }, (request, response) => {
    answer(metrics, request, response).catch((err: unknown) => {
      log.warn({ err }, 'the metrics could not be told');
      response.destroy();
    });
  });
  server.maxConnections = maxConnections;
  server.listen(port, host);
  await once(server, 'listening');
  server.on('error', (err) => log.warn({ err }, 'a connection for metrics could not be accepted'));
  return async () => {
    const closed = once(server, 'close');
    server.close();
    const bound = setTimeout(() => server.closeAllConnections(), closeBoundMs);
    await closed.finally(() => clearTimeout(bound));
  };
}

async function answer(metrics: Exposed, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.setHeader('cache-control', 'no-store');
  response.setHeader('x-content-type-options', 'nosniff');
  const [path] = (request.url ?? '').split('?');
  if (path !== '/metrics') return refuse(response, 404, 'Metrics are at /metrics\n');
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    return refuse(response, 405, 'Metrics are read with GET\n');
  }
  const { contentType, text } = await metrics.exposition();
  response.setHeader('content-type', contentType);
  response.end(text);
}

function refuse(response: ServerResponse, status: number, text: string): void {
  // There may be a body that nobody reads
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  response.end(text);
}
