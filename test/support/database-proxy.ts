import { once } from 'node:events';
import { type AddressInfo, createServer, Socket } from 'node:net';
import type { Test } from 'tap';
import { serviceUrl } from './pooler.ts';

/** One message from a client, named as in the PostgreSQL manual, "Message Formats": Parse, Bind, Execute, Query … */
export interface Message {
  /** The application_name of the connection. */
  application: string;
  type: string;
  /** Of a Parse or Bind: the name of the prepared statement. */
  statement: string;
  /** Of a Parse or Query: the SQL. */
  sql: string;
}

export interface DatabaseProxy {
  /** The URL of the database, through the proxy. */
  url: string;
  /** Everything clients have sent. Tests may empty it. */
  messages: Message[];
  /** How many statements connections of this application_name have sent. */
  countStatements(application: string): number;
  /** Swallows all bytes from now on, in both directions, and tells nobody: not even that a connection has ended. */
  hang(): void;
  /** Ends a hang; connections that lost bytes are dropped. */
  resume(): void;
  /** From now on a connection takes so many milliseconds to open. */
  openAfter(milliseconds: number): void;
  dropConnections(): void;
  /** Drops all connections and refuses new ones. */
  refuse(): Promise<void>;
  /** Ends a refusal. */
  accept(): Promise<void>;
}

/** Stands between the service and Postgres, or the pooler when there is one, to record what is sent and to break the line. */
export async function startDatabaseProxy(t: Test, databaseUrl: string): Promise<DatabaseProxy> {
  const target = new URL(serviceUrl(databaseUrl));
  const messages: Message[] = [];
  const sockets = new Set<Socket>();
  let hung = false;
  let openingMs = 0;
  // Half open, so that a client that ends its side is not answered while the line hangs
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const database = new Socket();
    client.pause();
    setTimeout(() => {
      if (client.destroyed) return;
      database.connect(Number(target.port || 5432), target.hostname);
      client.resume();
    }, openingMs);
    const record = messageRecorder(messages);
    client.on('data', (bytes) => {
      if (hung) return;
      record(bytes);
      database.write(bytes);
    });
    database.on('data', (bytes) => hung || client.write(bytes));
    client.on('end', () => hung || client.end());
    client.on('close', () => database.destroy());
    database.on('close', () => hung || client.destroy());
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  const dropConnections = () => {
    for (const socket of sockets) socket.destroy();
  };
  const refuse = async () => {
    dropConnections();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  t.teardown(refuse);

  const url = new URL(target);
  url.hostname = '127.0.0.1';
  url.port = String(port);
  return {
    url: url.href,
    messages,
    countStatements: (name) =>
      messages.filter(
        ({ application, type }) => application === name && (type === 'Execute' || type === 'Query'),
      ).length,
    hang: () => {
      hung = true;
    },
    openAfter: (milliseconds) => {
      openingMs = milliseconds;
    },
    dropConnections,
    resume: () => {
      hung = false;
      dropConnections();
    },
    refuse,
    accept: async () => {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
    },
  };
}

/** Takes the bytes of one connection as they come, and adds each complete message. */
function messageRecorder(messages: Message[]): (bytes: Buffer) => void {
  let pending = Buffer.alloc(0);
  let application: string | undefined;
  return (bytes) => {
    pending = Buffer.concat([pending, bytes]);
    for (;;) {
      // Only the first message, the startup, has no type byte before its length
      const head = application === undefined ? 0 : 1;
      if (pending.length < head + 4) return;
      const length = head + pending.readInt32BE(head);
      if (pending.length < length) return;
      const message = pending.subarray(0, length).toString('latin1');
      pending = pending.subarray(length);
      if (application === undefined) application = /application_name\0([^\0]+)/.exec(message)?.[1] ?? '';
      else messages.push({ application, ...parse(message) });
    }
  };
}

function parse(message: string): Omit<Message, 'application'> {
  const [first = '', second = ''] = message.slice(5).split('\0');
  switch (message[0]) {
    case 'P':
      return { type: 'Parse', statement: first, sql: second };
    case 'B':
      return { type: 'Bind', statement: second, sql: '' };
    case 'E':
      return { type: 'Execute', statement: '', sql: '' };
    case 'Q':
      return { type: 'Query', statement: '', sql: first };
    default:
      return { type: message[0] ?? '', statement: '', sql: '' };
  }
}
