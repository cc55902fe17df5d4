import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import t from 'tap';
import { runWatched, scrape, scrapeUntil } from '../support/metrics.ts';

const marker = 'h0st1le';
const requestsCount = /^gatehouse_http_request_duration_seconds_count/;

/** One round of requests, each with something that no other round has. */
function hostileRequests(): string[] {
  const noise = () => `${marker}${randomBytes(8).toString('hex')}`;
  const request = (line: string, headers = '', body = '') =>
    `${line} HTTP/1.1\r\nHost: gatehouse\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;
  const json = 'Content-Type: application/json\r\n';
  const methods = [
    'GET',
    'POST',
    'PUT',
    'PATCH',
    'DELETE',
    'OPTIONS',
    'HEAD',
    'PROPFIND',
    'M-SEARCH',
    'PURGE',
  ];
  return [
    ...methods.map((method) => request(`${method} /${noise()}`)),
    ...methods.map((method) => request(`${method} /livez`)),
    request(`${noise().toUpperCase()} /livez`),
    request(`GET /auth/user/${noise()}`),
    request(`GET /auth/user/${noise()}"} 1`),
    request(`DELETE /api/v1/me/sessions/${noise()}`),
    request(`GET /%00${noise()}%ff`),
    request(`GET /livez?${noise()}="\\n`),
    request(`GET //${noise()}/../../metrics`),
    request(`GET http://${noise()}.example/livez`),
    request(
      'GET /livez',
      `X-Request-Id: ${noise()}\r\nX-Forwarded-For: ${noise()}\r\nUser-Agent: ${noise()}\r\n`,
    ),
    request('GET /livez', `Traceparent: 00-${noise()}\r\nX-HTTP-Method-Override: ${noise()}\r\n`),
    request('GET /api/v1/me', `Authorization: Bearer ${noise()}\r\n`),
    request(
      'POST /api/v1/auth/login',
      json,
      JSON.stringify({ email: `${noise()}@example.com`, password: noise() }),
    ),
    request('POST /api/v1/auth/login', json, JSON.stringify({ [noise()]: noise() })),
    request('POST /api/v1/auth/refresh-token', json, JSON.stringify({ refresh_token: noise() })),
    request('POST /oauth/introspect', `Authorization: Basic ${btoa(`${noise()}:${noise()}`)}\r\n`),
    `${noise()}\r\n\r\n`,
    `GET /livez HTTP/1.1\r\n\r\n`,
    `CONNECT ${noise()}:443 HTTP/1.1\r\nHost: ${noise()}\r\n\r\n`,
  ];
}

t.test('nothing that a client sends makes a series', async (t) => {
  const { port, metricsPort } = await runWatched(t, { SESSION_PRUNE_INTERVAL_SECONDS: '0' });
  const last =
    'gatehouse_http_request_duration_seconds_count{method="GET",route="/startupz",status_code="200"}';
  const round = async () => {
    const before = (await scrape(metricsPort)).series.get(last) ?? 0;
    for (const request of hostileRequests()) await send(port, request);
    // Counted when all before it are
    await send(port, 'GET /startupz HTTP/1.1\r\nHost: gatehouse\r\nConnection: close\r\n\r\n');
    return scrapeUntil(metricsPort, ({ series }) => (series.get(last) ?? 0) > before);
  };
  const ours = ({ series }: { series: Map<string, number> }) =>
    [...series.keys()].filter((key) => key.startsWith('gatehouse_')).sort();
  const first = ours(await round());
  for (let repetition = 0; repetition < 4; repetition++) t.strictSame(ours(await round()), first);

  t.notMatch(first.join('\n'), new RegExp(marker, 'i'));
  const counts = first.filter((key) => requestsCount.test(key)).join('\n');
  t.match(counts, 'method="_OTHER",route="unmatched",status_code="405"');
  t.match(counts, 'method="GET",route="unmatched",status_code="404"');
  t.match(counts, 'method="GET",route="/auth/user/:user_id",status_code="401"');
  t.match(counts, 'method="GET",route="unmatched",status_code="400"');
  const methods = new Set([...counts.matchAll(/method="(.*?)"/g)].map(([, method]) => method));
  t.strictSame([...methods].sort(), ['DELETE', 'GET', 'HEAD', 'OPTIONS', 'PATCH', 'POST', 'PUT', '_OTHER']);
});

/** Sends raw bytes and waits until the service closes the connection. */
function send(port: number, bytes: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.setTimeout(10_000, () => reject(new Error(`no end to ${bytes.slice(0, 60)}`)));
    socket.on('error', () => {});
    socket.resume().on('close', () => resolve());
    socket.on('end', () => socket.destroy());
  });
}
