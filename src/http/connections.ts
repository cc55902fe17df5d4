import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import fp from 'fastify-plugin';
import type { Config } from '../config/config.ts';
import { inSlices } from './in-slices.ts';

declare module 'fastify' {
  interface FastifyInstance {
    connections: Connections;
  }
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Since when the answer has been under way, as far as has been noticed; milliseconds of performance.now(). */
  answeringSince?: number;
}

interface Connection {
  readonly socket: Socket;
  /** The request that has the connection. */
  exchange: Exchange | undefined;
  /** Those that were sent behind it: each starts when the one before it has its answer. */
  readonly behind: (() => void)[];
  /** The one of the three sets that it is in. */
  among: Set<Connection>;
  /** Set when an answer has said that it is the last. */
  isEnding: boolean;
  /** Milliseconds of performance.now(). */
  readonly openedAt: number;
}

// RFC 9112 §9.3.2: who pipelines has to expect that the connection ends, and proxies and browsers do not pipeline
const pipelinedMax = 32;
const sweepMs = 500;
// Of a client that has just connected, when the service closes: its request may be on its way
const silenceMs = 1000;
// What a client has sent at once may be answered for so long, once the service closes
const queueMs = 2000;

export interface ConnectionLimits extends Pick<Config, 'CONNECTIONS_MAX'> {
  /** How long a client may take to read an answer. */
  answerTimeoutMs?: number;
  /** How long requests may go on arriving, and answers may go on being read, once the service closes. */
  closeTimeoutMs?: number;
}

/**
 * What Node's own timeouts leave open.
 *
 * A connection has one request at a time (RFC 9112 §9.3.2 lets no others run in parallel than safe ones). Node would begin all
 * that are pipelined at once, and tell those of them that have no answer yet nothing when the client goes away: their work
 * and their files would stay open for good.
 *
 * An answer that is not read in time ends its connection.
 *
 * Beyond CONNECTIONS_MAX connections, each new one takes the place of another: of the one that is slowest with a
 * request, else of the one that has been kept alive the longest without a request, else of the one that is slowest to
 * read. So nobody who holds connections open keeps others out, the orchestrator's probes among them.
 */
class Connections {
  readonly #limits: Required<ConnectionLimits>;
  readonly #reset = inSlices((socket: Socket) => socket.resetAndDestroy());
  readonly #open = new WeakMap<Socket, Connection>();
  // All that are open, in one of three sets, the longest there first. Those whose request has arrived meanwhile are
  // found among the arriving and move on when somebody looks.
  readonly #arriving = new Set<Connection>();
  readonly #keptAlive = new Set<Connection>();
  readonly #working = new Set<Connection>();
  #evicted = 0;
  #closingSince: number | undefined;

  constructor({ CONNECTIONS_MAX, answerTimeoutMs = 30_000, closeTimeoutMs = 5000 }: ConnectionLimits) {
    this.#limits = { CONNECTIONS_MAX, answerTimeoutMs, closeTimeoutMs };
  }

  /** How many are open now, may be open, and were ended or refused because of that limit. */
  get open(): number {
    return this.#arriving.size + this.#keptAlive.size + this.#working.size;
  }

  get limit(): number {
    return this.#limits.CONNECTIONS_MAX;
  }

  get evicted(): number {
    return this.#evicted;
  }

  admit(socket: Socket): void {
    if (this.open >= this.limit) {
      this.#evicted++;
      if (!this.#makeRoom()) {
        socket.destroy();
        return;
      }
    }
    const connection: Connection = {
      socket,
      exchange: undefined,
      behind: [],
      among: this.#arriving,
      isEnding: false,
      openedAt: performance.now(),
    };
    this.#open.set(socket, connection);
    this.#arriving.add(connection);
    socket.once('close', () => connection.among.delete(connection));
  }

  /** Calls `start` when the requests before this one have been answered; never, when the connection ends first. */
  take(request: IncomingMessage, response: ServerResponse, start: () => void): void {
    const connection = this.#open.get(request.socket);
    // What was sent behind one request too many, and is parsed all the same
    if (connection === undefined || connection.socket.destroyed) return;
    // RFC 9112 §9.6: what came after the last request is not processed. Nobody could be told of it
    if (connection.isEnding) return;
    const exchange = { request, response };
    if (connection.exchange === undefined) this.#begin(connection, exchange, start);
    else if (connection.behind.push(() => this.#begin(connection, exchange, start)) > pipelinedMax)
      connection.socket.destroy();
  }

  /**
   * Makes the answer to this request the last of its connection; false when requests wait behind it. Those are not
   * processed when the service has been closing for a while (RFC 9112 §9.6).
   */
  endWith({ socket }: IncomingMessage): boolean {
    const connection = this.#open.get(socket);
    if (connection === undefined) return true;
    if (performance.now() - (this.#closingSince ?? Number.POSITIVE_INFINITY) > queueMs)
      connection.behind.length = 0;
    connection.isEnding = connection.behind.length === 0;
    return connection.isEnding;
  }

  /** Ends a connection once the request that has it is answered; false when none has. */
  endAfterAnswer(socket: Socket): boolean {
    const connection = this.#open.get(socket);
    if (!connection?.exchange?.request.complete) return false;
    connection.behind.length = 0;
    connection.isEnding = true;
    return true;
  }

  close(): void {
    this.#closingSince = performance.now();
    this.#endSilent();
  }

  /** Ends the connections whose time is over. */
  sweep(): void {
    const now = performance.now();
    const { answerTimeoutMs, closeTimeoutMs } = this.#limits;
    const isClosing = this.#closingSince !== undefined;
    const overdue = now - (this.#closingSince ?? now) > closeTimeoutMs;
    if (isClosing) this.#endSilent();
    for (const { socket, exchange } of [...this.#arriving, ...this.#working, ...this.#keptAlive]) {
      const isAnswering = exchange?.response.headersSent === true;
      if (isAnswering) exchange.answeringSince ??= now;
      const answeringMs = now - (exchange?.answeringSince ?? now);
      // From the sweep before on
      const isUnread = answeringMs > (overdue ? 0 : answerTimeoutMs);
      // With a reset, so that the system does not go on keeping what is not read
      if (isUnread || (overdue && !isAnswering && !exchange?.request.complete)) this.#reset(socket);
    }
  }

  #endSilent(): void {
    const now = performance.now();
    for (const { socket, openedAt } of this.#arriving)
      if (socket.bytesRead === 0 && now - openedAt > silenceMs) socket.destroy();
  }

  #begin(connection: Connection, exchange: Exchange, start: () => void): void {
    connection.exchange = exchange;
    this.#move(connection, this.#arriving);
    // It is emitted once; `once` would cost more
    exchange.response.on('close', () => {
      connection.exchange = undefined;
      if (connection.socket.destroyed) return;
      if (connection.isEnding) return void connection.socket.end();
      this.#move(connection, this.#keptAlive);
      connection.behind.shift()?.();
    });
    start();
  }

  #makeRoom(): boolean {
    const slowest = this.#slowestToSend() ?? first(this.#keptAlive) ?? this.#slowestToRead();
    if (slowest === undefined) return false;
    slowest.among.delete(slowest);
    slowest.socket.resetAndDestroy();
    return true;
  }

  #slowestToSend(): Connection | undefined {
    for (const connection of this.#arriving) {
      if (!connection.exchange?.request.complete) return connection;
      this.#move(connection, this.#working);
    }
    return undefined;
  }

  #slowestToRead(): Connection | undefined {
    for (const connection of this.#working) if (connection.exchange?.response.headersSent) return connection;
    return undefined;
  }

  #move(connection: Connection, set: Set<Connection>): void {
    connection.among.delete(connection);
    connection.among = set;
    set.add(connection);
  }
}

function first<T>(set: Set<T>): T | undefined {
  const [member] = set;
  return member;
}

export default fp<ConnectionLimits>(
  async (app, limits) => {
    const connections = new Connections(limits);
    app.decorate('connections', connections);
    app.server.on('connection', (socket) => connections.admit(socket));
    // Before Fastify makes anything of a request: one that has to wait, or is dropped, costs next to nothing
    // Events are not typed as far as that
    const listeners = app.server.listeners('request') as RequestListener[];
    app.server.removeAllListeners('request');
    app.server.on('request', (request, response) => {
      connections.take(request, response, () => {
        for (const listener of listeners) listener(request, response);
      });
    });
    let sweeping: NodeJS.Timeout | undefined;
    app.addHook('onListen', async () => {
      sweeping = setInterval(() => connections.sweep(), sweepMs).unref();
    });
    app.addHook('preClose', async () => connections.close());
    app.addHook('onClose', async () => clearInterval(sweeping));
  },
  { name: 'connections' },
);
