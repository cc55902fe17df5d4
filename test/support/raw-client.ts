import { type AddressInfo, connect } from 'node:net';
import type { Answer, TestApp } from './app.ts';
import { violations } from './contract.ts';

export interface RawAnswer extends Answer {
  /** Whether the server closed the connection, and not this client after its timeout. */
  closed: boolean;
  /** Everything that was received. */
  text: string;
}

/** Makes the app listen on a free port, and returns it. */
export async function listen({ app }: Pick<TestApp, 'app'>): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 });
  return (app.server.address() as AddressInfo).port;
}

/**
 * Sends raw bytes and reads until the server closes the connection, or until the timeout in milliseconds. Rejects when the
 * answer is not in openapi.json.
 */
export function exchange(port: number, bytes: string | Buffer, timeoutMs = 3000): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    const finish = (closed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      const { body, ...answer } = parse(text);
      const found = isWhole(answer, body) ? violations({ ...targetOf(bytes), ...answer, body }) : [];
      if (found.length > 0) reject(new Error(`not in openapi.json: ${found.join(', ')}`));
      else resolve({ ...answer, body: body.startsWith('{') ? JSON.parse(body) : {}, closed, text });
    };
    const timer = setTimeout(() => finish(false), timeoutMs);
    socket.setEncoding('utf8').on('data', (data: string) => {
      text += data;
    });
    socket.on('error', reject);
    socket.on('end', () => finish(true));
    socket.write(bytes);
  });
}

/** Method and target of the request line, where there is one. */
function targetOf(bytes: string | Buffer): { method: string; url: string } {
  const [method = '', url = ''] = /^([A-Z]+) (\S+) HTTP\/1\.[01]\r\n/.exec(String(bytes))?.slice(1) ?? [];
  return { method, url };
}

/** False for interim responses (RFC 9110 §15.2), and when the rest was not waited for. */
function isWhole({ status, headers }: Omit<Answer, 'body'>, body: string): boolean {
  return status >= 200 && Buffer.byteLength(body) === Number(headers['content-length'] ?? 0);
}

function parse(text: string): Omit<Answer, 'body'> & { body: string } {
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: Object.fromEntries(headers),
    body,
  };
}
