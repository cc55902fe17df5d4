import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import type { ExportResult } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';

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

/** Sends spans, without what they must not tell. */
export class GuardedExporter implements SpanExporter {
  readonly #exporter: SpanExporter;

  constructor(exporter: SpanExporter) {
    this.#exporter = exporter;
  }

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.#exporter.export(spans.map(guarded), done);
  }

  async shutdown(): Promise<void> {
    await this.#exporter.shutdown();
  }

  async forceFlush(): Promise<void> {
    await this.#exporter.forceFlush?.();
  }
}

function guarded(span: ReadableSpan): ReadableSpan {
  const attributes = Object.fromEntries(Object.entries(span.attributes).filter(([name]) => told.has(name)));
  const { traceId, spanId, traceFlags } = span.spanContext();
  return Object.create(span, {
    // Without the tracestate, which is whatever the caller has written
    spanContext: { value: () => ({ traceId, spanId, traceFlags }) },
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
