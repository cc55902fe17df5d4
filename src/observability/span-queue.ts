import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { type Context, diag, TraceFlags } from '@opentelemetry/api';
import { type ExportResult, ExportResultCode, getNumberFromEnv } from '@opentelemetry/core';
import {
  BatchSpanProcessor,
  type ReadableSpan,
  type Span,
  type SpanExporter,
  type SpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import type { SpanLosses } from './span-losses.ts';

/**
 * Keeps spans until they are sent in batches, as the OTEL_BSP_ variables say, and counts each that is lost. OpenTelemetry's
 * own processor drops what does not fit without a word to anybody, so it is given no more than fits.
 */
export class SpanQueue implements SpanProcessor {
  readonly #batches: BatchSpanProcessor;
  readonly #losses: SpanLosses;
  readonly #most = positiveFromEnv('OTEL_BSP_MAX_QUEUE_SIZE', 2048);
  #waiting = 0;

  constructor(exporter: SpanExporter, losses: SpanLosses) {
    this.#losses = losses;
    const status = new LastStatus();
    const counted: SpanExporter = {
      export: (spans, done) => {
        this.#waiting -= spans.length;
        exporter.export(spans, (result) => {
          if (result.code === ExportResultCode.SUCCESS) losses.arrived();
          else losses.add(spans.length, reasonOf(result, status));
          done(result);
        });
      },
      shutdown: () => {
        status.close();
        return exporter.shutdown();
      },
    };
    this.#batches = new BatchSpanProcessor(counted, {
      maxQueueSize: this.#most,
      maxExportBatchSize: Math.min(this.#most, positiveFromEnv('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512)),
    });
  }

  onStart(span: Span, parent: Context): void {
    this.#batches.onStart(span, parent);
  }

  onEnd(span: ReadableSpan): void {
    if ((span.spanContext().traceFlags & TraceFlags.SAMPLED) === 0) return;
    if (this.#waiting >= this.#most) {
      this.#losses.add(1, `${this.#most} wait already (OTEL_BSP_MAX_QUEUE_SIZE)`);
      return;
    }
    this.#waiting += 1;
    this.#batches.onEnd(span);
  }

  forceFlush(): Promise<void> {
    return this.#batches.forceFlush();
  }

  shutdown(): Promise<void> {
    return this.#batches.shutdown();
  }
}

function positiveFromEnv(name: string, otherwise: number): number {
  const given = getNumberFromEnv(name);
  if (given === undefined || (Number.isSafeInteger(given) && given > 0)) return given ?? otherwise;
  diag.warn(`${name} is to be a whole number above 0: it is taken for ${otherwise}`);
  return otherwise;
}

/** Not the answer of the collector, which may be long; the message is empty where a name has several addresses. */
function reasonOf({ error }: ExportResult, status: LastStatus): string {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: string };
  const parts = [code ?? status.ofRetries(message), message].filter(
    (part) => part !== undefined && part !== '',
  );
  return parts.join(': ') || 'unknown';
}

const channel = 'http.client.response.finish';
const agent = /^OTel-OTLP-Exporter/;

/** What the collector has answered last: the exporter does not tell the status of what it has tried again in vain. */
class LastStatus {
  #status: number | undefined;
  readonly #listener = (message: unknown) => {
    const { request, response } = message as { request: ClientRequest; response: IncomingMessage };
    if (agent.test(String(request.getHeader('user-agent')))) this.#status = response.statusCode;
  };

  constructor() {
    subscribe(channel, this.#listener);
  }

  ofRetries(message: string | undefined): number | undefined {
    return message === 'Export failed with retryable status' ? this.#status : undefined;
  }

  close(): void {
    unsubscribe(channel, this.#listener);
  }
}
