import { once } from 'node:events';
import type { Snapshot } from '../observability/summed-metrics.ts';
import { type FromPrimary, type FromWorker, isMessage } from './messages.ts';

/** A worker's side of the crew: what it tells the primary, and is told. */
export class Member {
  readonly #admitted = new AbortController();
  #snapshot: (() => Promise<Snapshot>) | undefined;

  /** @param drain ends this worker as a signal would */
  constructor(drain: () => void) {
    process.on('message', (message) => {
      if (!isMessage<FromPrimary>(message)) return;
      if (message.type === 'serve') this.#admitted.abort();
      else if (message.type === 'drain') drain();
      else void this.#tellMetrics(message.scrape);
    });
  }

  /**
   * Tells that probes are answered, and resolves when the primary has prepared the database.
   *
   * @throws the signal's reason when it fires first
   */
  async admission(signal: AbortSignal): Promise<void> {
    this.#tell({ type: 'listening' });
    if (!this.#admitted.signal.aborted) await once(this.#admitted.signal, 'abort', { signal });
  }

  /** Gives what the primary adds up at each scrape. */
  shareMetrics(snapshot: () => Promise<Snapshot>): void {
    this.#snapshot = snapshot;
  }

  /** Leaves it to the primary to say why this worker could not start: it says so once, for all of them. */
  fail(explanation: string): Promise<void> {
    return new Promise((resolve) => this.#tell({ type: 'failed', explanation }, resolve));
  }

  async #tellMetrics(scrape: number): Promise<void> {
    const metrics = (await this.#snapshot?.()) ?? [];
    this.#tell({ type: 'metrics', scrape, metrics });
  }

  #tell(message: FromWorker, told: () => void = () => {}): void {
    // Without a primary there is nobody to tell, and Node ends this process
    if (process.connected) process.send?.(message, undefined, undefined, told);
    else told();
  }
}
