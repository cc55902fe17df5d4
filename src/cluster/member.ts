import { once } from 'node:events';
import type { Snapshot } from '../observability/summed-metrics.ts';
import { type FromPrimary, type FromWorker, isMessage, type KeysEvent } from './messages.ts';

/** A worker's side of the crew: what it tells the primary, and is told. */
export class Member {
  readonly #drain: () => void;
  readonly #admitted = new AbortController();
  #snapshot: (() => Promise<Snapshot>) | undefined;

  /** @param drain ends this worker as a signal would */
  constructor(drain: () => void) {
    this.#drain = drain;
    process.on('message', (message) => {
      if (isMessage<FromPrimary>(message)) this.#hear(message);
    });
    tell({ type: 'hears' });
  }

  /**
   * Tells that probes are answered, and resolves when the primary has prepared the database.
   *
   * @throws the signal's reason when it fires first
   */
  async admission(signal: AbortSignal): Promise<void> {
    tell({ type: 'listening' });
    if (!this.#admitted.signal.aborted) await once(this.#admitted.signal, 'abort', { signal });
  }

  /** Gives what the primary adds up at each scrape. */
  shareMetrics(snapshot: () => Promise<Snapshot>): void {
    this.#snapshot = snapshot;
  }

  /** Leaves it to the primary to say which keys are in use: it says so once, for all of them. */
  tellKeys(keys: KeysEvent): void {
    tell(keys);
  }

  #hear(message: FromPrimary): void {
    switch (message.type) {
      case 'serve':
        this.#admitted.abort();
        break;
      case 'ping':
        tell({ type: 'pong' });
        break;
      case 'scrape':
        void this.#tellMetrics(message.scrape);
        break;
      case 'drain':
        this.#drain();
        break;
    }
  }

  async #tellMetrics(scrape: number): Promise<void> {
    const metrics = (await this.#snapshot?.()) ?? [];
    tell({ type: 'metrics', scrape, metrics });
  }
}

/** Leaves it to the primary to say why this worker could not start: it says so once, for all of them. */
export function tellFailure(explanation: string): Promise<void> {
  return new Promise((resolve) => tell({ type: 'failed', explanation }, resolve));
}

function tell(message: FromWorker, told: () => void = () => {}): void {
  // Without a primary there is nobody to tell, and Node ends this process
  if (process.connected) process.send?.(message, undefined, undefined, told);
  else told();
}
