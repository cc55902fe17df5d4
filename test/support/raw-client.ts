import { type AddressInfo, connect } from 'node:net';
import type { Answer, TestApp } from './app.ts';

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

/** Sends raw bytes and reads until the server closes the connection, or until the timeout in milliseconds. */
export function exchange(port: number, bytes: string | Buffer, timeoutMs = 3000): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    const finish = (closed: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ ...parse(text), closed, text });
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

function parse(text: string): Answer {
  const [head = '', body = ''] = text.split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: Object.fromEntries(headers),
    body: body.startsWith('{') ? JSON.parse(body) : {},
  };
}
