export interface TraceLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

// Milliseconds. A collector that comes and goes is not told of each time
const sayAgainAfterMs = 60_000;
// A collector may say anything
const reasonLength = 200;

/** Counts the spans that do not arrive, and says so: once, and when they arrive again, how many those were. */
export class SpanLosses {
  readonly #log: TraceLog;
  #lost = 0;
  /** Of those, the ones that have been told with their number. */
  #told = 0;
  #isComplained = false;
  #complainedAt = Number.NEGATIVE_INFINITY;

  constructor(log: TraceLog) {
    this.#log = log;
  }

  /** Since the start. */
  get lost(): number {
    return this.#lost;
  }

  add(spans: number, reason: string): void {
    this.#lost += spans;
    const now = performance.now();
    if (this.#isComplained || now - this.#complainedAt < sayAgainAfterMs) return;
    this.#isComplained = true;
    this.#complainedAt = now;
    this.#log.warn(
      { reason: reason.slice(0, reasonLength) },
      'spans do not reach the collector of OTEL_EXPORTER_OTLP_ENDPOINT and are dropped; all else goes on',
    );
  }

  arrived(): void {
    if (!this.#isComplained) return;
    this.#isComplained = false;
    this.#log.info({ lost: this.#lost - this.#told }, 'spans reach the collector again');
    this.#told = this.#lost;
  }
}
