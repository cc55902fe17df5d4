import { once } from 'node:events';
import http from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { newClient } from './client.mjs';

/** The error of a request that went to another replica, as this one gets no new connections any more. */
export const elsewhere = 'elsewhere';

/**
 * A client behind a load balancer of layer 4: after `balancer.closed` is set it gets no new connection to this replica, and
 * goes on as long as the one that it has is kept alive. Like the clients of client.mjs in all else.
 */
export function newBalancedClient(origin, balancer, options) {
  const client = newClient(origin, options);
  let isOpen = false;
  return {
    async send(...request) {
      if (balancer.closed && !isOpen) {
        const now = performance.now();
        return { start: now, end: now, ms: 0, error: elsewhere };
      }
      const answer = await client.send(...request);
      isOpen = answer.status !== undefined && !answer.last;
      return answer;
    },
    close: client.close,
  };
}

/**
 * Sends batches of pipelined requests over one connection after the other, until the load balancer gives no more. Repeats
 * what came after an answer that said it was the last (RFC 9112 §9.3.2, §9.6), which was not carried out.
 *
 * @returns {Promise<{ answered: number, repeated: number, failed: string[] }>}
 */
export async function pipeline(origin, balancer, { path, headers, batch = 4 }) {
  const { hostname, port } = new URL(origin);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const request = `GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\n${lines.join('')}\r\n`;
  const seen = { answered: 0, repeated: 0, failed: [] };
  while (!balancer.closed) {
    const socket = connect(Number(port), hostname);
    const problem = await useUp(socket, request, batch, seen);
    socket.destroy();
    if (problem) seen.failed.push(problem);
  }
  return seen;
}

/** Until the server says that it is enough; gives what was wrong. */
async function useUp(socket, request, batch, seen) {
  let problem;
  let text = '';
  socket.setEncoding('latin1').on('data', (data) => {
    text += data;
  });
  socket.on('error', (error) => {
    problem = error.code ?? error.message;
  });
  const closed = once(socket, 'close').catch(() => {});
  for (;;) {
    text = '';
    socket.write(request.repeat(batch));
    const deadline = performance.now() + 10_000;
    let answers = [];
    while (answers.length < batch && !socket.closed && performance.now() < deadline) {
      await Promise.race([closed, once(socket, 'data').catch(() => {}), sleep(100)]);
      answers = complete(text);
    }
    seen.answered += answers.length;
    const wrong = answers.find(({ status }) => status !== 200);
    if (wrong) return `pipelined: ${wrong.status}`;
    const last = answers.at(-1)?.last ?? false;
    if (last) {
      seen.repeated += batch - answers.length;
      return undefined;
    }
    if (answers.length < batch)
      return `pipelined: ${answers.length} of ${batch} answers, ${problem ?? 'then closed'}`;
  }
}

/** The answers of which every byte is there. */
function complete(text) {
  const answers = [];
  for (let rest = text; ; ) {
    const end = rest.indexOf('\r\n\r\n');
    const head = rest.slice(0, end);
    const length = end < 0 ? Number.NaN : Number(/^content-length: (\d+)/im.exec(head)?.[1]);
    if (!(rest.length >= end + 4 + length)) return answers;
    answers.push({ status: Number(head.slice(9, 12)), last: /^connection: close/im.test(head) });
    rest = rest.slice(end + 4 + length);
  }
}

/** Asks over a new connection each time, until the answer is no; gives when it was. */
export async function untilUnready(origin) {
  for (;;) {
    const status = await new Promise((resolve, reject) => {
      http
        .get(`${origin}/readyz`, { agent: false }, (response) => {
          response.resume().on('end', () => resolve(response.statusCode));
        })
        .on('error', (error) => reject(new Error('/readyz never said 503', { cause: error })));
    });
    if (status === 503) return performance.now();
    await sleep(10);
  }
}
