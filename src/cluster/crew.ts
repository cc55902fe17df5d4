import cluster, { type Worker } from 'node:cluster';
import { EventEmitter, once } from 'node:events';
import type { Logger } from 'pino';
import { StartError } from '../errors.ts';
import { type FromPrimary, type FromWorker, isMessage } from './messages.ts';

// Milliseconds. A worker that ends younger than this is replaced after a pause, which doubles each time
const quickMs = 10_000;
const firstPauseMs = 100;
const longestPauseMs = 10_000;
// What keeps a worker from starting may go away within these attempts
const failedStartsMax = 5;

export interface CrewOptions {
  size: number;
  logger: Pick<Logger, 'warn' | 'fatal'>;
  /** What the workers are given besides the environment of this process. */
  env: Record<string, string>;
  /** Called once, when a worker could not be replaced. */
  onFailure: (failure: CrewError) => void;
}

/** A worker cannot start. The message is what the worker said. */
export class CrewError extends StartError {
  override readonly name = 'CrewError';
}

interface Attempt {
  /** How many before it, in a row, have ended young, and how many before they listened. */
  readonly quickEnds: number;
  readonly failedStarts: number;
}

interface Place extends Attempt {
  readonly worker: Worker;
  /** Milliseconds of performance.now(). */
  readonly startedAt: number;
  isListening: boolean;
  explanation?: string;
}

interface WorkerEnd {
  code?: number | null;
  signal?: string | null;
  /** Why there was no process at all. */
  err?: Error;
}

const fresh: Attempt = { quickEnds: 0, failedStarts: 0 };

interface CrewEvents {
  metrics: [id: number, answer: FromWorker & { type: 'metrics' }];
  /** A worker listens, or has ended. */
  change: [];
  ended: [id: number];
}

/** The workers of this process: it starts them, replaces those that end, and ends them all. */
export class Crew extends EventEmitter<CrewEvents> {
  readonly #options: CrewOptions;
  readonly #places = new Set<Place>();
  readonly #pauses = new Set<NodeJS.Timeout>();
  readonly #badEnds: string[] = [];
  #isComplete = false;
  #isAdmitted = false;
  #isClosing = false;

  constructor(options: CrewOptions) {
    super();
    this.#options = options;
    // Each worker accepts for itself, so that one which drains can take in all that waits: see 015-workers.md
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    process.on('exit', () => {
      for (const { worker } of this.#places) worker.process.kill('SIGKILL');
    });
  }

  /** How many workers listen. */
  get listening(): number {
    return [...this.#places].filter(({ isListening }) => isListening).length;
  }

  /**
   * Starts one worker and, when that one listens, the others: what keeps one from starting keeps all, and is said once.
   *
   * @throws CrewError
   */
  async start(): Promise<void> {
    const first = this.#fork(fresh);
    while (!first.isListening) {
      await once(this, 'change');
      if (!this.#places.has(first)) throw new CrewError(explanationOf(first));
    }
    this.#isComplete = true;
    if (this.#isClosing) return;
    for (let others = 1; others < this.#options.size; others++) this.#fork(fresh);
  }

  /** Lets the workers serve, those to come as well. */
  admit(): void {
    this.#isAdmitted = true;
    this.#tell({ type: 'serve' });
  }

  /** Asks the workers that listen for their metrics; gives their ids. */
  scrape(scrape: number): number[] {
    return this.#tell({ type: 'scrape', scrape });
  }

  #tell(message: FromPrimary): number[] {
    const told = [...this.#places].filter(({ worker, isListening }) => isListening && worker.isConnected());
    for (const { worker } of told) send(worker, message);
    return told.map(({ worker }) => worker.id);
  }

  /** Has all workers drain, each with its shutdown delay. */
  drain(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    for (const pause of this.#pauses) clearTimeout(pause);
    // Not by a signal: after a Ctrl-C they have one already, and might take this one for the second
    for (const { worker } of this.#places) send(worker, { type: 'drain' });
  }

  /**
   * Drains, and resolves when every worker has ended.
   *
   * @throws Error when one ended otherwise than it was told to
   */
  async close(): Promise<void> {
    this.drain();
    while (this.#places.size > 0) await once(this, 'change');
    if (this.#badEnds.length > 0) throw new Error(`Workers ended badly: ${this.#badEnds.join(', ')}`);
  }

  #fork(attempt: Attempt): Place {
    const worker = cluster.fork(this.#options.env);
    const place: Place = { ...attempt, worker, startedAt: performance.now(), isListening: false };
    this.#places.add(place);
    worker.on('message', (message: unknown) => {
      if (isMessage<FromWorker>(message)) this.#hear(place, message);
    });
    let end: WorkerEnd = {};
    let open = 2;
    // What it said last may be read after it has ended
    const onEnd = () => {
      open -= 1;
      if (open === 0) this.#hasEnded(place, end);
    };
    worker.process.once('exit', (code, signal) => {
      end = { code, signal };
      onEnd();
    });
    worker.process.once('disconnect', onEnd);
    worker.on('error', (err) => {
      // Else it is one of Node's own messages, to one that is about to end
      if (worker.process.pid === undefined) this.#hasEnded(place, { err });
    });
    return place;
  }

  #hear(place: Place, message: FromWorker): void {
    if (message.type === 'failed') place.explanation = message.explanation;
    if (message.type === 'listening') {
      place.isListening = true;
      if (this.#isAdmitted) send(place.worker, { type: 'serve' });
      this.emit('change');
    }
    if (message.type === 'metrics') this.emit('metrics', place.worker.id, message);
  }

  #hasEnded(place: Place, end: WorkerEnd): void {
    this.#places.delete(place);
    const facts = { worker_pid: place.worker.process.pid, ...end };
    // One that had not come as far as to handle signals is ended by them
    if (this.#isClosing && place.isListening && end.code !== 0)
      this.#badEnds.push(`${facts.worker_pid} with ${end.signal ?? end.code}`);
    if (this.#isComplete && !this.#isClosing) this.#replace(place, facts);
    this.emit('ended', place.worker.id);
    this.emit('change');
  }

  #replace(place: Place, facts: object): void {
    const { logger, onFailure } = this.#options;
    const failedStarts = place.isListening ? 0 : place.failedStarts + 1;
    if (failedStarts >= failedStartsMax) {
      logger.fatal(facts, 'workers cannot start any more: closing');
      this.drain();
      onFailure(new CrewError(explanationOf(place)));
      return;
    }
    const quickEnds = performance.now() - place.startedAt < quickMs ? place.quickEnds + 1 : 0;
    const pauseMs = quickEnds === 0 ? 0 : Math.min(firstPauseMs * 2 ** (quickEnds - 1), longestPauseMs);
    logger.warn({ ...facts, pause_ms: pauseMs }, 'a worker ended and will be replaced');
    const pause = setTimeout(() => {
      this.#pauses.delete(pause);
      this.#fork({ quickEnds, failedStarts });
    }, pauseMs);
    this.#pauses.add(pause);
  }
}

/** One that ends right now need not be told. */
function send(worker: Worker, message: FromPrimary): void {
  if (worker.isConnected()) worker.send(message, undefined, undefined, () => {});
}

function explanationOf({ explanation, worker }: Place): string {
  return explanation ?? `Gatehouse could not start: process ${worker.process.pid} ended before it listened`;
}
