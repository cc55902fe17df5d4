import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../observability/logger.ts';
import {
  countExpiredSessions,
  deleteExpiredSessions,
  deleteIdleSessions,
} from '../storage/expired-sessions.ts';
import type { Database } from '../storage/query.ts';

// A statement over so many rows takes some 10 ms, and holds their locks no longer
const batchRows = 1000;
// The pause after a batch is as long as the batch took, and at least this: pruning gets at most half of the time of
// one connection, and slows down with a database that is slow already
const leastPauseMs = 20;
// A pass of this length says how far it got, and the next one goes on without waiting for the interval
const batchesPerPass = 100;
const maxBacklog = batchRows * batchesPerPass;
// A pass with nothing to do says so once an hour, as a sign of life
const quietMs = 3_600_000;

export interface PrunerDeps {
  db: Database;
  logger: Log & Record<'debug' | 'info', Log['warn']>;
  /** Between passes; 0 for none at all. */
  intervalSeconds: number;
  /** Asked before each pass by itself: before the schema is up to date there is nothing to prune. */
  isServing: () => boolean;
}

/** What this process knows about pruning. */
export interface PruneStatus {
  /**
   * When its last pass that got the lock had ended, in seconds since the epoch by the database's clock; null before
   * the first.
   */
  lastRunAt: number | null;
  /** How many sessions that pass deleted. */
  lastDeleted: number;
  /** How many sessions all its passes deleted. */
  totalDeleted: number;
  /**
   * How many sessions past their absolute end that pass left; 100,000 means that many or more. Null when unknown:
   * before the first pass, and when another replica was found pruning, which then knows.
   */
  backlog: number | null;
  /** How many passes in a row have failed. */
  failures: number;
}

/** 'more' when a backlog was left for the next pass, 'elsewhere' when another replica was found pruning. */
export type PassOutcome = 'done' | 'more' | 'elsewhere';

/**
 * Deletes sessions that have ended: small statements with pauses between them, one connection at a time, and each
 * statement under an advisory lock that only one replica can hold.
 */
export class SessionPruner {
  readonly #deps: PrunerDeps;
  readonly #stopping = new AbortController();
  readonly #status: PruneStatus = {
    lastRunAt: null,
    lastDeleted: 0,
    totalDeleted: 0,
    backlog: null,
    failures: 0,
  };
  #running: Promise<void> | undefined;
  #saidAt = Number.NEGATIVE_INFINITY;
  #expiredFrom = '-infinity';
  #idleAfter: number | null = null;

  constructor(deps: PrunerDeps) {
    this.#deps = deps;
  }

  get status(): PruneStatus {
    return { ...this.#status };
  }

  /** The first pass comes after a random part of the interval, so that replicas do not march in step. */
  start(): void {
    if (this.#deps.intervalSeconds > 0) this.#running ??= this.#run(this.#deps.intervalSeconds * 1000);
  }

  /** Ends a pause at once. A statement under way is waited for, and the timeouts of its connection bound it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  /**
   * One pass: up to 100 batches of expired sessions, and those of the next 1,000 rows whose idle limit has passed.
   *
   * @throws ApiError DATABASE_UNAVAILABLE; what was deleted until then stays deleted
   */
  async pass(): Promise<PassOutcome> {
    const { db, logger } = this.#deps;
    const began = performance.now();
    const before = this.#status.totalDeleted;
    const from = this.#expiredFrom;

    const idle = await deleteIdleSessions(db, { after: this.#idleAfter, maxRows: batchRows });
    if (!idle.held) {
      this.#status.backlog = null;
      logger.debug({}, 'another replica is pruning sessions');
      return 'elsewhere';
    }
    // After the last session it begins again with the first
    this.#idleAfter = idle.reached ?? 0;
    this.#status.totalDeleted += idle.deleted;
    const outcome = await this.#deleteExpired();
    // Like the batches, not from further back than this pass began
    const { rows: backlog, now } = await countExpiredSessions(db, { from, maxRows: maxBacklog });

    const deleted = this.#status.totalDeleted - before;
    Object.assign(this.#status, { lastRunAt: now, lastDeleted: deleted, backlog });
    this.#say({ deleted, backlog, ms: Math.round(performance.now() - began) });
    return outcome;
  }

  #say(pass: { deleted: number; backlog: number; ms: number }): void {
    const quiet = pass.deleted === 0 && performance.now() - this.#saidAt < quietMs;
    if (!quiet) this.#saidAt = performance.now();
    this.#deps.logger[quiet ? 'debug' : 'info'](pass, 'pruned ended sessions');
  }

  async #deleteExpired(): Promise<PassOutcome> {
    for (let batch = 0; batch < batchesPerPass && !this.#stopping.signal.aborted; batch++) {
      const began = performance.now();
      const { held, deleted, reached } = await deleteExpiredSessions(this.#deps.db, {
        from: this.#expiredFrom,
        maxRows: batchRows,
      });
      this.#status.totalDeleted += deleted;
      // The entries of deleted rows stay in the index until they are vacuumed: the next batch begins behind them.
      // What was locked, and so left out, is met again once the end was reached.
      this.#expiredFrom = reached ?? '-infinity';
      if (reached === null) return held ? 'done' : 'elsewhere';
      await this.#rest(Math.max(leastPauseMs, performance.now() - began));
    }
    return 'more';
  }

  async #run(intervalMs: number): Promise<void> {
    await this.#rest(Math.random() * intervalMs);
    while (!this.#stopping.signal.aborted) {
      const outcome = this.#deps.isServing() ? await this.#passOrWarning() : 'done';
      if (outcome !== 'more') await this.#rest(intervalMs);
    }
  }

  /** A failure is reported once, and not again until a pass has succeeded. */
  async #passOrWarning(): Promise<PassOutcome | 'failed'> {
    try {
      const outcome = await this.pass();
      this.#status.failures = 0;
      return outcome;
    } catch (err) {
      this.#status.failures += 1;
      const level = this.#status.failures === 1 ? 'warn' : 'debug';
      this.#deps.logger[level]({ err }, 'sessions could not be pruned; the next pass tries again');
      return 'failed';
    }
  }

  async #rest(ms: number): Promise<void> {
    // Rejects when it is told to stop, and a pause that has ended is all there is to know
    await sleep(ms, undefined, { ref: false, signal: this.#stopping.signal }).catch(() => {});
  }
}
