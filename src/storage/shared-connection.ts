import pg from 'pg';
import { hangUp, timeouts } from './connection.ts';
import { errorCode } from './database-error.ts';
import { type Described, PreparedQuery } from './prepared-query.ts';
import type { Rows, Statement } from './query.ts';

// Of the last so many answers, about
const remembered = 8;
// Milliseconds from one opening to the next, so that one that always breaks at once, or cannot be opened, is not tried all the time
const retryMs = 1000;
// What says nothing of the connection (PostgreSQL manual, appendix A): lock_not_available, query_canceled, deadlock_detected,
// serialization_failure
const ofStatement = ['55P03', '57014', '40P01', '40001'];
// However quick they are answered: what is under way is lost with its connection
const mostInFlight = 128;
// Milliseconds. One whose successor cannot be opened for as long after its time goes, as it may be in the way of that
const overdueMs = 10_000;
// Without a statement nothing is tried: for longer than that, nobody knows
const recentMs = 60_000;

export interface SharedConnectionOptions {
  client: pg.ClientConfig;
  /** Milliseconds after which it is opened anew, or up to a tenth less: connections opened together are not renewed together. */
  lifetimeMs: number;
  log: { info(facts: object, message: string): void; warn(facts: object, message: string): void };
}

/**
 * A connection that statements of many requests share: each is sent as it comes, without waiting for the answers to those
 * before it, which come in the same order. Each is a transaction of its own.
 */
export class SharedConnection {
  readonly #options: SharedConnectionOptions;
  #described: Described = new Map();
  #client: pg.Client | undefined;
  #opening: Promise<void> | undefined;
  #isClosed = false;
  #isFailing = false;
  #openAgainAt = 0;
  #endsAt = 0;
  /** When each statement that is not answered yet was sent, the oldest first. */
  #sentAt: number[] = [];
  /** Connections that are left, until they are gone. */
  readonly #leaving = new Set<Promise<void>>();
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

  /** Whether it, or its successor, could not be opened when that was last tried, a minute ago at most. */
  isFailing(now: number): boolean {
    return this.#isFailing && now < this.#openAgainAt + recentMs;
  }

  get inFlight(): number {
    return this.#sentAt.length;
  }

  /** Opens it where it is not open, and its successor once its time is over; at most once a second. */
  keepOpen(now: number): void {
    if (this.#client !== undefined && now <= this.#endsAt) return;
    if (this.#client !== undefined && this.#isFailing && now > this.#endsAt + overdueMs)
      this.#leave(this.#client);
    if (this.#opening !== undefined || this.#isClosed || now < this.#openAgainAt) return;
    this.#openAgainAt = now + retryMs;
    this.#opening = this.#open().finally(() => {
      this.#opening = undefined;
    });
  }

  /**
   * Milliseconds that this statement would wait for the answers before its own, by how fast the last ones came and how long
   * there has been none; Infinity when it cannot be sent here now.
   */
  waitMs(name: string, now: number): number {
    const { inFlight } = this;
    if (this.#client === undefined) return Number.POSITIVE_INFINITY;
    if (inFlight === 0) return 0;
    // Until it is known there, a second one would be refused when the first is
    const isNew = this.#described.get(name) === undefined && this.#described.has(name);
    if (isNew || inFlight >= mostInFlight) return Number.POSITIVE_INFINITY;
    return Math.max(inFlight * this.#answerMs, now - this.#progressAt);
  }

  /** Sends a statement: one whose wait is known to be finite. */
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
      if (this.#sentAt.length === 0) this.#progressAt = now;
      this.#sentAt.push(now);
      this.#watch ??= this.#watchFrom(client, now);
      this.#cork(client);
      client.query(query as unknown as pg.Submittable);
    });
  }

  /** Lets go of the connection once what is under way has been answered, or after a bounded time. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#opening;
    if (this.#client) this.#leave(this.#client);
    await Promise.all(this.#leaving);
  }

  #answered(client: pg.Client, error: Error | null): void {
    if (error && !ofStatement.includes(errorCode(error) ?? '')) {
      // As the pool does: the server may be about to hang up, be a standby now, or have another schema than it was asked of
      this.#tellBroken(error);
      this.#leave(client);
      return;
    }
    const now = performance.now();
    this.#sentAt.shift();
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

  /**
   * Ends a connection whose oldest statement has not been answered in time, with all that waits behind it: nobody can tell which
   * of them hangs, and each would go on waiting for the bounds of those before it.
   */
  #watchFrom(client: pg.Client, now: number): NodeJS.Timeout {
    const [oldest = now] = this.#sentAt;
    const check = () => {
      this.#watch = undefined;
      const [sentAt] = this.#sentAt;
      if (client !== this.#client || sentAt === undefined) return;
      const then = performance.now();
      if (then - sentAt >= timeouts.query) client.connection.stream.destroy(new Error('Query read timeout'));
      else this.#watch = this.#watchFrom(client, then);
    };
    return setTimeout(check, oldest + timeouts.query - now).unref();
  }

  async #open(): Promise<void> {
    try {
      const client = await this.#connected();
      if (this.#client) this.#leave(this.#client);
      this.#take(client);
    } catch (error) {
      // Statements go through the pool meanwhile, or over the connection whose time is over
      if (!this.#isFailing)
        this.#options.log.warn({ err: error }, 'a shared database connection cannot be opened');
      this.#isFailing = true;
    }
  }

  async #connected(): Promise<pg.Client> {
    const client = new pg.Client(this.#options.client);
    client.on('error', (error) => this.#lost(client, error));
    client.on('end', () => this.#lost(client));
    try {
      await client.connect();
    } catch (error) {
      await hangUp(client);
      throw error;
    }
    return client;
  }

  #take(client: pg.Client): void {
    const { lifetimeMs, log } = this.#options;
    this.#client = client;
    this.#described = new Map();
    this.#answerMs = 0;
    this.#endsAt = performance.now() + lifetimeMs * (1 - Math.random() / 10);
    if (this.#isFailing) log.info({}, 'a shared database connection is open again');
    this.#isFailing = false;
  }

  #lost(client: pg.Client, error?: Error): void {
    if (client !== this.#client) return;
    this.#forget();
    client.connection.stream.destroy();
    if (error) this.#tellBroken(error);
  }

  /** No statement is sent on it any more; those under way are answered, each in its time. */
  #leave(client: pg.Client): void {
    const now = performance.now();
    const [oldest = now] = this.#sentAt;
    this.#forget();
    const gone = hangUp(client, Math.max(timeouts.end, oldest + timeouts.query - now))
      .catch(() => {})
      .finally(() => this.#leaving.delete(gone));
    this.#leaving.add(gone);
  }

  #forget(): void {
    this.#client = undefined;
    this.#sentAt = [];
    clearTimeout(this.#watch);
    this.#watch = undefined;
  }

  #tellBroken(error: Error): void {
    this.#options.log.warn({ err: error }, 'a shared database connection broke');
  }
}
