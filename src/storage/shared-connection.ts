import pg from 'pg';
import { hangUp, timeouts } from './connection.ts';
import { errorCode } from './database-error.ts';
import { type Described, PreparedQuery } from './prepared-query.ts';
import type { Rows, Statement } from './query.ts';

// Of the last so many answers, about
const remembered = 8;
// Milliseconds until a connection that could not be opened is tried again
const retryMs = 1000;
// What says nothing of the connection (PostgreSQL manual, appendix A): lock_not_available, query_canceled, deadlock_detected,
// serialization_failure
const ofStatement = ['55P03', '57014', '40P01', '40001'];
// However quick they are answered: what is under way is lost with its connection
const mostInFlight = 128;

export interface SharedConnectionOptions {
  client: pg.ClientConfig;
  /** Milliseconds after which it is opened anew. */
  lifetimeMs: number;
  log: { warn(facts: object, message: string): void };
}

/**
 * A connection that statements of many requests share: each is sent as it comes, without waiting for the answers to those
 * before it, which come in the same order. Each is a transaction of its own.
 */
export class SharedConnection {
  readonly #options: SharedConnectionOptions;
  #described: Described = new Map();
  #client: pg.Client | undefined;
  #isOpening = false;
  #isClosed = false;
  #openAgainAt = 0;
  #endsAt = 0;
  #inFlight = 0;
  /** When the last answer came, or the first statement since all were answered was sent. */
  #progressAt = 0;
  #answerMs = 0;
  #isCorked = false;
  #watch: NodeJS.Timeout | undefined;

  constructor(options: SharedConnectionOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#client !== undefined;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  /**
   * Milliseconds that this statement would wait for the answers before its own, by how fast the last ones came and how long
   * there has been none; Infinity when it cannot be sent here now.
   */
  waitMs(name: string, now: number): number {
    if (this.#client === undefined || now > this.#endsAt) {
      this.#renew(now);
      return Number.POSITIVE_INFINITY;
    }
    if (this.#inFlight === 0) return 0;
    // Until it is known there, a second one would be refused when the first is
    const isNew = this.#described.get(name) === undefined && this.#described.has(name);
    if (isNew || this.#inFlight >= mostInFlight) return Number.POSITIVE_INFINITY;
    return Math.max(this.#inFlight * this.#answerMs, now - this.#progressAt);
  }

  /** Sends a statement, when it has been asked how long that would wait. */
  query<Row>(statement: Statement, now: number): Promise<Rows<Row>> {
    const client = this.#client;
    const described = this.#described;
    if (client === undefined) throw new Error('a statement was given to a connection that is not open');
    return new Promise((resolve, reject) => {
      const query = new PreparedQuery<Row>(statement, () => described);
      query.callback = (error, answer) => {
        // One that was lost with its connection is no longer counted
        if (client === this.#client) this.#answered(client, error);
        if (error) reject(error);
        else resolve(answer as Rows<Row>);
      };
      if (this.#inFlight === 0) this.#progressAt = now;
      this.#inFlight += 1;
      this.#watch ??= this.#watchFrom(client);
      this.#cork(client);
      client.query(query as unknown as pg.Submittable);
    });
  }

  /** Lets go of the connection once what is under way has been answered, or after a bounded time. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const client = this.#client;
    if (client) await this.#retire(client);
  }

  #answered(client: pg.Client, error: Error | null): void {
    if (error && !ofStatement.includes(errorCode(error) ?? '')) {
      // As the pool does: the server may be about to hang up, be a standby now, or have another schema than it was asked of
      this.#warn(error);
      void this.#retire(client);
      return;
    }
    const now = performance.now();
    this.#inFlight -= 1;
    this.#answerMs += (now - this.#progressAt - this.#answerMs) / remembered;
    this.#progressAt = now;
  }

  /** Gathers what is sent in one turn of the event loop into one write. */
  #cork({ connection }: pg.Client): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    connection.stream.cork();
    setImmediate(() => {
      this.#isCorked = false;
      connection.stream.uncork();
    });
  }

  /** Ends a connection on which nothing comes any more, with all that waits there: it cannot be told from a slow one. */
  #watchFrom(client: pg.Client): NodeJS.Timeout {
    return setTimeout(() => {
      this.#watch = undefined;
      if (client !== this.#client || this.#inFlight === 0) return;
      if (performance.now() - this.#progressAt >= timeouts.query)
        client.connection.stream.destroy(new Error('Query read timeout'));
      else this.#watch = this.#watchFrom(client);
    }, timeouts.query / 8).unref();
  }

  #renew(now: number): void {
    if (this.#client !== undefined) void this.#retire(this.#client);
    if (this.#isOpening || this.#isClosed || now < this.#openAgainAt) return;
    this.#isOpening = true;
    void this.#open()
      .catch((error: Error) => {
        // Of a file that the URL names, and that cannot be read just now
        this.#openAgainAt = now + retryMs;
        this.#warn(error);
      })
      .finally(() => {
        this.#isOpening = false;
      });
  }

  async #open(): Promise<void> {
    const { client: config, lifetimeMs } = this.#options;
    const client = new pg.Client(config);
    const lost = (error?: Error) => {
      if (client !== this.#client) return;
      this.#forget();
      if (error) this.#warn(error);
    };
    client.on('error', lost);
    client.on('end', () => lost());
    try {
      await client.connect();
    } catch {
      // Statements go through the pool meanwhile, which tells what is wrong
      this.#openAgainAt = performance.now() + retryMs;
      await hangUp(client);
      return;
    }
    this.#described = new Map();
    this.#answerMs = 0;
    this.#endsAt = performance.now() + lifetimeMs;
    this.#client = client;
    if (this.#isClosed) await this.#retire(client);
  }

  /** No statement is sent on it any more; those under way are answered. */
  async #retire(client: pg.Client): Promise<void> {
    this.#forget();
    await hangUp(client, timeouts.query);
  }

  #forget(): void {
    this.#client = undefined;
    this.#inFlight = 0;
    clearTimeout(this.#watch);
    this.#watch = undefined;
  }

  #warn(error: Error): void {
    this.#options.log.warn({ err: error }, 'a shared database connection broke');
  }
}
