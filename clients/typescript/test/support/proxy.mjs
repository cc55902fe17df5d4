import { once } from 'node:events';
import { createServer, request as httpRequest } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * An HTTP proxy in front of the service, its requests going to `origins` in turn, that makes the faults of networks.
 *
 * @typedef {{ method: string, path: string, id: string | undefined, token: string | undefined, attempt: number, at: number, status?: number }} Seen
 *   a request as it came: `attempt` counts those to the same method and path, from 1; `at` is in milliseconds
 * @typedef {{ until?: Promise<void>, delayMs?: number, delayAnswerMs?: number, loseRequest?: boolean, loseAnswer?: boolean, cutAnswer?: boolean, answer?: { status: number, headers?: Record<string, string>, body?: string } }} Fault
 *   `until` and `delayMs` pass before the service hears of it; `loseAnswer` closes the connection once the service has answered, `cutAnswer` in the middle of the body,
 *   `loseRequest` before the service hears of it; `answer` is given in its stead
 * @param {{ origins: string[], fault?: (seen: Seen) => Fault | undefined | void, lifeSeconds?: number, announcedSeconds?: number }} options
 *   `lifeSeconds` makes the service refuse access tokens earlier than it would, `announcedSeconds` is what `expires_in`
 *   says then, if not the truth
 */
export async function startProxy({ origins, fault = () => {}, lifeSeconds, announcedSeconds = lifeSeconds }) {
  const seen = [];
  const issuedAt = new Map();
  let turn = 0;

  async function handle(request, response) {
    const { method, url: path, headers } = request;
    const body = Buffer.concat(await request.toArray());
    const token = headers.authorization?.replace(/^Bearer /, '');
    const attempt = seen.filter((other) => other.method === method && other.path === path).length + 1;
    const entry = { method, path, id: headers['x-request-id'], token, attempt, at: performance.now() };
    seen.push(entry);
    const {
      until,
      delayMs = 0,
      delayAnswerMs = 0,
      loseRequest,
      loseAnswer,
      cutAnswer,
      answer,
    } = fault(entry) ?? {};
    await until;
    await sleep(delayMs);
    if (loseRequest) return request.socket.destroy();
    if (answer) {
      entry.status = answer.status;
      return response.writeHead(answer.status, answer.headers).end(answer.body);
    }

    turn += 1;
    const real = await forward(origins[turn % origins.length], {
      method,
      path,
      body,
      headers: aged(headers),
    });
    entry.status = real.status;
    await sleep(delayAnswerMs);
    if (loseAnswer) return request.socket.destroy();
    const content = announce(real);
    const length = { 'content-length': String(content.length) };
    response.writeHead(real.status, { ...real.headers, ...(real.status !== 204 && length) });
    if (!cutAnswer) return response.end(content);
    response.write(content.subarray(0, content.length / 2), () => request.socket.destroy());
  }

  /** A token past its life goes on with another signature, so that it is the service that refuses it. */
  function aged(headers) {
    const token = headers.authorization?.replace(/^Bearer /, '');
    const isPast = performance.now() > (issuedAt.get(token) ?? Infinity) + lifeSeconds * 1000;
    if (!isPast) return headers;
    const [head, claims, signature] = token.split('.');
    return { ...headers, authorization: `Bearer ${head}.${claims}.${[...signature].reverse().join('')}` };
  }

  function announce({ status, content }) {
    if (status !== 200 || announcedSeconds === undefined || !content.includes('"access_token"'))
      return content;
    const pair = JSON.parse(content);
    issuedAt.set(pair.access_token, performance.now());
    return Buffer.from(JSON.stringify({ ...pair, expires_in: announcedSeconds }));
  }

  const server = createServer((request, response) => {
    // A client that goes away is one of the faults
    handle(request, response).catch(() => request.socket.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    /** The requests to a path, in the order in which they came. */
    seen: (path) => seen.filter((entry) => entry.path === path),
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function forward(origin, { method, path, headers, body }) {
  const request = httpRequest(origin + path, { method, headers, agent: false });
  request.end(body);
  const [response] = await once(request, 'response');
  const content = Buffer.concat(await response.toArray());
  return { status: response.statusCode, headers: response.headers, content };
}
