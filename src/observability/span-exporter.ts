import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';

export interface ExportLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

// What a span may tell. Paths and queries hold ids and whatever else a client writes, and messages of errors quote it
const told = new Set([
  'http.request.method',
  'http.route',
  'http.response.status_code',
  'error_code',
  'error.type',
  'db.system.name',
  'db.namespace',
  'db.query.summary',
  'db.response.status_code',
  'server.address',
  'server.port',
]);

// A collector may say anything
const reasonLength = 200;

/**
 * Sends spans, without what they must not tell, and says once that they do not arrive: not again until one batch has.
 * How many wait is bounded by OTEL_BSP_MAX_QUEUE_SIZE; what does not fit, and what could not be sent, is dropped.
 */
export class GuardedExporter implements SpanExporter {
  readonly #exporter: SpanExporter;
  readonly #log: ExportLog;
  #lost = 0;

  constructor(exporter: SpanExporter, log: ExportLog) {
    this.#exporter = exporter;
    this.#log = log;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#exporter.export(spans.map(guarded), (result) => {
      if (result.code === ExportResultCode.SUCCESS) this.#arrived();
      else this.#failed(spans.length, result.error);
      done(result);
    });
  }

  async shutdown(): Promise<void> {
    await this.#exporter.shutdown();
  }

  async forceFlush(): Promise<void> {
    await this.#exporter.forceFlush?.();
  }

  #arrived(): void {
    if (this.#lost > 0) this.#log.info({ lost: this.#lost }, 'spans reach the collector again');
    this.#lost = 0;
  }

  #failed(spans: number, error: Error | undefined): void {
    if (this.#lost === 0)
      this.#log.warn(
        { reason: reasonOf(error) },
        'spans do not reach the collector of OTEL_EXPORTER_OTLP_ENDPOINT and are dropped; all else goes on',
      );
    this.#lost += spans;
  }
}

/** Not the answer of the collector, which may be long; the message is empty where a name has several addresses. */
function reasonOf(error: (Error & { code?: unknown }) | undefined): string {
  const { code, message } = error ?? {};
  const parts = [code, message].filter((part) => part !== undefined && part !== '');
  return (parts.join(': ') || 'unknown').slice(0, reasonLength);
}

function guarded(span: ReadableSpan): ReadableSpan {
  const attributes = Object.fromEntries(Object.entries(span.attributes).filter(([name]) => told.has(name)));
  return Object.create(span, {
    attributes: { value: attributes },
    status: { value: { code: isFailure(span) ? SpanStatusCode.ERROR : SpanStatusCode.UNSET } },
    events: { value: [] },
  });
}

/** Semantic conventions for HTTP servers: what is the client's fault is no failure of ours. */
function isFailure({ kind, attributes, status }: ReadableSpan): boolean {
  if (kind === SpanKind.SERVER) return Number(attributes['http.response.status_code']) >= 500;
  return status.code === SpanStatusCode.ERROR;
}
