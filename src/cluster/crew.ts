import cluster from 'node:cluster';
import { EventEmitter, once } from 'node:events';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from 'pino';
import { StartError } from '../errors.ts';
import { type FromPrimary, type FromWorker, isMessage, type KeysEvent } from './messages.ts';
import { type Attempt, explanationOf, type Place, send } from './place.ts';

// Milliseconds. A worker that ends younger than this is replaced after a pause, which doubles each time
const quickMs = 10_000;
const firstPauseMs = 100;
const longestPauseMs = 10_000;
// What keeps a worker from starting may go away within these attempts
const failedStartsMax = 5;
// How many pings a worker may leave unanswered, and the milliseconds that come to
const pingsMax = 6;
const silenceBoundMs = 30_000;

const program = new URL(`./worker${extname(fileURLToPath(import.meta.url))}`, import.meta.url);

export interface CrewOptions {
  size: number;
  logger: Pick<Logger, 'warn' | 'fatal'>;
  /** What a worker is given besides the environment of this process, by its place, from 0 on. */
  env: (place: number) => Record<string, string>;
  /** Called once, when a worker could not be replaced. */
  onFailure: (failure: CrewError) => void;
  /** A worker that is silent for so long hangs, and is killed; milliseconds. */
  silenceMs?: number | undefined;
}

/** A worker cannot start. The message is what the worker said. */
export class CrewError extends StartError {
  override readonly name = 'CrewError';
}

interface WorkerEnd {
  code?: number | null;
  signal?: string | null;
  /** Why there was no process at all. */
  err?: Error;
}

interface CrewEvents {
  metrics: [id: number, answer: FromWorker & { type: 'metrics' }];
  /** Those that a worker has begun to use. */
  keys: [keys: KeysEvent];
  /** A worker listens, or has ended. */
  change: [];
  ended: [id: number];
  /** A worker has ended that was not told to. */
  lost: [];
}

/** The workers of this process: it starts them, replaces those that end or hang, and ends them all. */
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
    cluster.setupPrimary({ exec: fileURLToPath(program) });
    setInterval(() => this.#ping(), (options.silenceMs ?? silenceBoundMs) / pingsMax).unref();
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
    const first = this.#fork({ index: 0, quickEnds: 0, failedStarts: 0 });
    while (!first.isListening) {
      await once(this, 'change');
      if (!this.#places.has(first)) throw new CrewError(explanationOf(first));
    }
    this.#isComplete = true;
    if (this.#isClosing) return;
    for (let index = 1; index < this.#options.size; index++)
      this.#fork({ index, quickEnds: 0, failedStarts: 0 });
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
    for (const { worker, hears } of this.#places) {
      // Not by a signal: after a Ctrl-C they have one already, and might take this one for the second. What is sent to one
      // that does not hear yet is lost
      if (hears) send(worker, { type: 'drain' });
      else worker.process.kill('SIGTERM');
    }
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
    const worker = cluster.fork(this.#options.env(attempt.index));
    const state = { hears: false, isListening: false, unanswered: 0 };
    const place: Place = { ...attempt, ...state, worker, startedAt: performance.now() };
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
    place.unanswered = 0;
    switch (message.type) {
      case 'hears':
        place.hears = true;
        break;
      case 'listening':
        place.isListening = true;
        if (this.#isAdmitted && !this.#isClosing) send(place.worker, { type: 'serve' });
        this.emit('change');
        break;
      case 'failed':
        place.explanation = message.explanation;
        break;
      case 'metrics':
        this.emit('metrics', place.worker.id, message);
        break;
      case 'keys':
        this.emit('keys', message);
        break;
    }
  }

  /**
   * Kills those that have left too many unanswered. Pings are counted, and not the time: when this process has been
   * stopped as well, nobody is late.
   */
  #ping(): void {
    for (const place of [...this.#places].filter(({ hears }) => hears)) {
      place.unanswered += 1;
      if (place.unanswered <= pingsMax) send(place.worker, { type: 'ping' });
      else this.#kill(place);
    }
  }

  #kill({ worker }: Place): void {
    this.#options.logger.warn({ worker_pid: worker.process.pid }, 'a worker hangs and is killed');
    worker.process.kill('SIGKILL');
  }

  #hasEnded(place: Place, end: WorkerEnd): void {
    this.#places.delete(place);
    const facts = { worker_pid: place.worker.process.pid, ...end };
    // One that had not come as far as to handle signals is ended by them
    if (this.#isClosing && place.isListening && end.code !== 0)
      this.#badEnds.push(`${facts.worker_pid} with ${end.signal ?? end.code}`);
    if (this.#isComplete && !this.#isClosing) {
      this.emit('lost');
      this.#replace(place, facts);
    }
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
      this.#fork({ index: place.index, quickEnds, failedStarts });
    }, pauseMs);
    this.#pauses.add(pause);
  }
}
