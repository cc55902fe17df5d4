import { availableParallelism } from 'node:os';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import type { EventSink } from '../observability/events.ts';
import { type EngineChoice, EngineMissingError, type EngineName } from './engine.ts';
import { needsRehash, parseStoredHash, unmatchableHash } from './hash-format.ts';
import { HashQueue, type MeasuredWork } from './hash-queue.ts';
import { preparePassword } from './policy.ts';
import type {
  Calibration,
  CalibrationTask,
  EngineMissing,
  HashResult,
  VerifyResult,
  WorkerSetup,
  WorkerTask,
} from './worker.ts';

export interface PasswordVerdict {
  matches: boolean;
  /** The password is right and should be stored again: the hash has another cost or form than a new one. */
  needsRehash: boolean;
  /** The stored hash is of no known form and can match nothing: worth a line in the log. */
  malformed: boolean;
}

export interface PasswordHasher {
  /**
   * The form in which a new password is stored, computed over its prepared text (see preparePassword).
   *
   * @throws ApiError PASSWORD_HASHING_BUSY with retryAfter (seconds) at once, when the wait would be too long
   * @throws ApiError SHUTTING_DOWN once closed
   * @throws the signal's reason when it fires before a thread has begun
   */
  hash(password: string, signal?: AbortSignal): Promise<string>;
  /**
   * Whether this is the password. A wrong one costs the same time as an unknown account (`stored` null), so the
   * answer's delay does not tell who is registered (OWASP ASVS 5.0 6.3.8).
   *
   * The prepared text is tried, then, where it differs, the raw one: older programs stored hashes of that.
   *
   * @throws as hash does
   */
  verify(rawPassword: string, stored: string | null, signal?: AbortSignal): Promise<PasswordVerdict>;
  readonly engine: EngineName;
  readonly threads: number;
  /** Admitted and waiting for a thread. */
  readonly queueSize: number;
  /** Milliseconds a request handed in now would wait for a thread. */
  estimatedWaitMs(): number;
  /** Milliseconds of one hash at the configured cost, as lately measured. */
  msPerHash(): number;
  /** Refuses what waits, lets what runs finish, ends the threads. */
  close(): Promise<void>;
}

/** Follows one password: it waits, its thread starts, it is done or has failed. */
export type HashTrace = (
  kind: WorkerTask['kind'],
) => { started(): void; ended(error?: unknown): void } | undefined;

export interface PasswordHasherOptions {
  /** log2 of bcrypt's rounds for new hashes. */
  cost: number;
  engine: EngineChoice;
  /** Milliseconds a request may be expected to wait before it is refused. */
  maxWaitMs: number;
  /** One per core unless told otherwise. */
  threads?: number;
  /** Told when a thread has died; piscina has replaced it by then. */
  onThreadError?: (error: Error) => void;
  /** Told of what was hashed, and of what was refused. */
  events?: EventSink;
  trace?: HashTrace | undefined;
}

/** One odd hash must not slow every refusal down without bound; this is the most that BCRYPT_COST may be. */
const maxRefusalCost = 16;

/**
 * Starts the hashing threads, measures them, and resolves when every one is ready.
 *
 * @throws EngineMissingError when engine is 'native' and does not load, or Error when the threads do not start
 */
export async function startPasswordHasher(options: PasswordHasherOptions): Promise<PasswordHasher> {
  const threads = options.threads ?? availableParallelism();
  // For accounts that do not exist
  const nobodys = unmatchableHash(options.cost);
  const pool = createPool(threads, { engine: options.engine, cost: options.cost });
  const { engine, msPerHash } = await calibrate(pool, threads).catch(async (error: unknown) => {
    await pool.destroy();
    throw error;
  });
  // An 'error' event that nobody listens to would end the process.
  pool.on('error', (error: Error) => options.onThreadError?.(withoutSecrets(error)));

  // The greatest cost met so far: where older hashes cost more than new ones, every refusal takes as long as theirs
  let refusalCost = options.cost;
  const queue = new HashQueue({ threads, maxWaitMs: options.maxWaitMs, msPerHash, events: options.events });
  const inTurn = async <T extends MeasuredWork>(hashes: number, task: WorkerTask, signal?: AbortSignal) => {
    const followed = options.trace?.(task.kind);
    const work = () => {
      followed?.started();
      return runTask<T>(pool, task);
    };
    try {
      const done = await queue.run(hashes, work, signal);
      followed?.ended();
      return done;
    } catch (error) {
      followed?.ended(error);
      throw error;
    }
  };
  return {
    engine,
    threads,
    get queueSize() {
      return queue.size;
    },
    estimatedWaitMs: () => queue.estimatedWaitMs(),
    msPerHash: () => queue.msPerHash,
    async hash(password, signal) {
      const task: WorkerTask = { kind: 'hash', password: preparePassword(password), cost: options.cost };
      return (await inTurn<HashResult>(1, task, signal)).stored;
    },
    async verify(rawPassword, stored, signal) {
      const prepared = preparePassword(rawPassword);
      const candidates = prepared === rawPassword ? [prepared] : [prepared, rawPassword];
      const known = stored === null ? null : parseStoredHash(stored);
      const target = known ?? nobodys;
      refusalCost = Math.max(refusalCost, Math.min(target.cost, maxRefusalCost));
      const hashes = candidates.length * 2 ** (Math.max(refusalCost, target.cost) - options.cost);
      const task: WorkerTask = { kind: 'verify', candidates, target, refusalCost };
      const { matched } = await inTurn<VerifyResult>(hashes, task, signal);
      const matches = known !== null && matched !== null;
      return {
        matches,
        needsRehash: matches && (matched !== prepared || needsRehash(target, prepared, options.cost)),
        malformed: stored !== null && known === null,
      };
    },
    async close() {
      await queue.close();
      await pool.destroy();
    },
  };
}

function createPool(threads: number, workerData: WorkerSetup): Piscina {
  return new Piscina({
    // dist/worker.js in production, src/worker.ts under the tests' loader.
    filename: new URL(`./worker${extname(fileURLToPath(import.meta.url))}`, import.meta.url).href,
    workerData,
    minThreads: threads,
    maxThreads: threads,
    concurrentTasksPerWorker: 1,
    // What a thread makes is a few strings at a time, for which V8 would keep 16 MB or more
    resourceLimits: { maxYoungGenerationSizeMb: 2 },
    // Threads have a priority of their own on Linux only; elsewhere this would slow the whole process down.
    niceIncrement: process.platform === 'linux' ? 10 : 0,
  });
}

/**
 * Which engine the threads have, and what a hash takes when all of them hash at once, as they will under load: the seed of
 * the queue's estimate.
 *
 * @throws EngineMissingError when the engine that was asked for does not load, or Error when the threads do not start
 */
async function calibrate(pool: Piscina, threads: number): Promise<Calibration> {
  const task: CalibrationTask = { kind: 'calibration' };
  const measured = Promise.all(
    Array.from({ length: threads }, () => runTask<Calibration | EngineMissing>(pool, task)),
  );
  // When a thread cannot start, piscina emits an error and leaves its tasks waiting for ever.
  const results = (await Promise.race([measured, firstError(pool)])).map((result) => {
    if (!('missing' in result)) return result;
    const { message, code } = result.missing;
    throw new EngineMissingError(Object.assign(new Error(message), { code }));
  });
  const [first] = results;
  if (first === undefined) throw new Error('There are no password hashing threads');
  const totalMs = results.reduce((sum, { msPerHash }) => sum + msPerHash, 0);
  return { engine: first.engine, msPerHash: totalMs / results.length };
}

function firstError(pool: Piscina): Promise<never> {
  return new Promise((_, reject) => {
    pool.once('error', (cause: Error) => {
      reject(new Error('The password hashing threads do not start', { cause }));
    });
  });
}

async function runTask<T>(pool: Piscina, task: WorkerTask | CalibrationTask): Promise<T> {
  try {
    return (await pool.run(task)) as T;
  } catch (error) {
    throw withoutSecrets(error);
  }
}

/** An engine or piscina may quote what it was given, so neither message nor cause reaches a log. */
function withoutSecrets(error: unknown): Error {
  const { name, code } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  return new Error(`A password hashing thread failed (${code ?? name ?? 'unknown'})`);
}
