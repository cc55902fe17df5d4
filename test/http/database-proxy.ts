import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';

export interface DatabaseProxy {
  /** The database, by way of this proxy. */
  url: string;
  /** How often each application has sent something to run, by application_name. */
  queries(applicationName: string): number;
  /** From now on nothing passes, and nobody is told. */
  freeze(): void;
}

/** Stands between the service and its database, to count what passes or to let nothing pass. */
export async function startDatabaseProxy(t: Test, databaseUrl: string): Promise<DatabaseProxy> {
  const target = new URL(databaseUrl);
  const counts = new Map<string, number>();
  const sockets = new Set<Socket>();
  let frozen = false;

  const server = createServer({ allowHalfOpen: true }, (client) => {
    const database = connect(Number(target.port), target.hostname);
    for (const socket of [client, database]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    let name = '';
    client.on('data', (data) => {
      if (frozen) return;
      name ||= /application_name\0([^\0]+)/.exec(data.toString('latin1'))?.[1] ?? '';
      // Q: a simple query; P: the first message of a parameterised one (PostgreSQL manual, "Message Formats")
      if (data[0] === 0x51 || data[0] === 0x50) counts.set(name, (counts.get(name) ?? 0) + 1);
      database.write(data);
    });
    database.on('data', (data) => {
      if (!frozen) client.write(data);
    });
    client.on('close', () => database.destroy());
    client.on('end', () => {
      if (!frozen) client.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    queries: (applicationName) => counts.get(applicationName) ?? 0,
    freeze: () => {
      frozen = true;
    },
  };
}
