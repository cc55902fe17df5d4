import { setTimeout as sleep } from 'node:timers/promises';
import { AggregatorRegistry, Counter, Gauge, Registry } from 'prom-client';

/** The metrics of one process at one time. */
export type Snapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** Those whose metrics are added up, by their ids. */
export interface Workers {
  readonly listening: number;
  /** Asks for the metrics; gives whom it has asked. */
  scrape(scrape: number): number[];
  on(event: 'metrics', listener: (id: number, answer: { scrape: number; metrics: Snapshot }) => void): void;
  on(event: 'ended', listener: (id: number) => void): void;
  /** One has ended that was not told to. */
  on(event: 'lost', listener: () => void): void;
}

// Milliseconds; of a worker that does not answer in time, what it said last is told
const answerBoundMs = 1000;
const counting = new Set(['counter', 'histogram']);

/**
 * The metrics of all workers, added up. What workers that have ended had counted stays in the sums: if a counter fell,
 * Prometheus would take all of it for counted anew.
 */
export class SummedMetrics {
  readonly #workers: Workers;
  readonly #own = new Registry();
  /** Those that have been asked, and have not ended since. */
  readonly #asked = new Set<number>();
  readonly #latest = new Map<number, { scrape: number; metrics: Snapshot }>();
  #ended: Snapshot = [];
  #scrape = 0;

  constructor(workers: Workers) {
    this.#workers = workers;
    processStart(this.#own);
    workerMetrics(this.#own, workers);
    workers.on('metrics', (id, answer) => this.#latest.set(id, answer));
    workers.on('ended', (id) => this.#forget(id));
  }

  /** What a scrape is answered. */
  async exposition(): Promise<{ contentType: string; text: string }> {
    await this.#refresh();
    const latest = [...this.#latest.values()].map(({ metrics }) => metrics);
    const snapshots = [await this.#own.getMetricsAsJSON(), ...latest, this.#ended];
    const sums = AggregatorRegistry.aggregate(snapshots);
    return { contentType: Registry.PROMETHEUS_CONTENT_TYPE, text: await sums.metrics() };
  }

  async #refresh(): Promise<void> {
    this.#scrape += 1;
    const scrape = this.#scrape;
    const asked = this.#workers.scrape(scrape);
    for (const id of asked) this.#asked.add(id);
    const isAnswered = (id: number) => !this.#asked.has(id) || (this.#latest.get(id)?.scrape ?? 0) >= scrape;
    const end = performance.now() + answerBoundMs;
    while (!asked.every(isAnswered) && performance.now() < end) await sleep(5);
  }

  /** Keeps what it had counted, and no more: nothing of a worker that has ended is open or waiting. */
  #forget(id: number): void {
    const metrics = this.#latest.get(id)?.metrics ?? [];
    this.#latest.delete(id);
    this.#asked.delete(id);
    const counted = metrics.filter(({ type }) => counting.has(String(type)));
    const sums = AggregatorRegistry.aggregate([this.#ended, counted]);
    // A registry of sums holds them with their values
    this.#ended = sums.getMetricsAsArray() as Snapshot;
  }
}

/** The primary's, which is the service's: workers' starts cannot be added up, and are left out. */
function processStart(registry: Registry): void {
  const start = new Gauge({
    name: 'process_start_time_seconds',
    help: 'Start of the process, since the epoch',
    registers: [registry],
    // Its own is the first
    aggregator: 'first',
  });
  start.set(Math.round(performance.timeOrigin / 1000));
}

function workerMetrics(registry: Registry, workers: Workers): void {
  const registers = [registry];
  const listening: Gauge = new Gauge({
    name: 'gatehouse_workers',
    help: 'Workers that listen',
    registers,
    collect: () => {
      listening.set(workers.listening);
    },
  });
  const ended = new Counter({
    name: 'gatehouse_workers_ended_total',
    help: 'Workers that have ended without being told to, each of them replaced by another',
    registers,
  });
  workers.on('lost', () => ended.inc());
}
