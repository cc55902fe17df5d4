import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';

/** One message of a client, as the PostgreSQL manual names them (55.7): Parse, Bind, Execute, Query … */
export interface Message {
  type: string;
  /** Of a Parse or Bind: the name of the prepared statement. */
  statement: string;
  /** Of a Parse or Query: the SQL. */
  sql: string;
}

export interface Proxy {
  /** The URL of the database behind it, through it. */
  url: string;
  /** What clients have sent so far; empty it at will. */
  messages: Message[];
  /** From now on bytes are accepted and go nowhere, on open connections too. */
  hang(): void;
  /** Ends that. */
  resume(): void;
  /** From now on nobody gets in, and those that are in are cut off. */
  refuse(): Promise<void>;
  /** Ends that. */
  accept(): Promise<void>;
}

/** Stands between the service and its Postgres, to see what really arrives there and to cut the line. */
export async function startProxy(t: Test, databaseUrl: string): Promise<Proxy> {
  const target = new URL(databaseUrl);
  const messages: Message[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(Number(target.port || 5432), target.hostname);
    const read = messageReader(messages);
    client.on('data', (bytes) => {
      if (hung) return;
      read(bytes);
      upstream.write(bytes);
    });
    upstream.on('data', (bytes) => hung || client.write(bytes));
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  let hung = false;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const close = async () => {
    for (const socket of sockets) socket.destroy();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  t.teardown(close);
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return {
    url: url.href,
    messages,
    hang: () => {
      hung = true;
    },
    resume: () => {
      hung = false;
      // What was swallowed is missed by both sides for ever
      for (const socket of sockets) socket.destroy();
    },
    refuse: close,
    accept: async () => {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
  };
}

function messageReader(messages: Message[]): (bytes: Buffer) => void {
  let pending = Buffer.alloc(0);
  let started = false;
  return (bytes) => {
    pending = Buffer.concat([pending, bytes]);
    for (;;) {
      // The startup message alone has no type byte
      const head = started ? 1 : 0;
      if (pending.length < head + 4) return;
      const length = head + pending.readInt32BE(head);
      if (pending.length < length) return;
      if (started) messages.push(parse(String.fromCharCode(pending[0] ?? 0), pending.subarray(5, length)));
      started = true;
      pending = pending.subarray(length);
    }
  };
}

const types: Record<string, string> = { P: 'Parse', B: 'Bind', E: 'Execute', Q: 'Query' };

function parse(letter: string, body: Buffer): Message {
  const type = types[letter] ?? letter;
  const [first = '', second = ''] = ['P', 'B', 'Q'].includes(letter)
    ? body.toString('latin1').split('\0')
    : [];
  if (type === 'Parse') return { type, statement: first, sql: second };
  if (type === 'Bind') return { type, statement: second, sql: '' };
  return { type, statement: '', sql: type === 'Query' ? first : '' };
}
