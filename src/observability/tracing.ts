import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TracerProvider,
  trace,
} from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { W3CTraceContextPropagator } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import { BasicTracerProvider } from '@opentelemetry/sdk-trace-base';
import type { HashTrace } from '../passwords/hasher.ts';
import type { StatementTrace } from '../storage/databases.ts';
import { GuardedExporter } from './span-exporter.ts';
import { SpanLosses, type TraceLog } from './span-losses.ts';
import { SpanQueue } from './span-queue.ts';
import { type SamplerSettings, samplerOf } from './span-sampler.ts';
import { logTraceWarnings } from './trace-warnings.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

// Milliseconds that the exit waits for a collector
const flushBoundMs = 1000;

/** What the rooms are traced with. Spans belong to the request whose work they are; without one there are none. */
export interface Tracing {
  readonly provider: TracerProvider;
  readonly statement: StatementTrace;
  readonly hash: HashTrace;
  /** How many have not arrived. */
  readonly spans: { readonly lost: number };
  /** Sends what has not been sent, for a second at most. */
  close(): Promise<void>;
}

export interface TracingSettings extends SamplerSettings {
  /** Where statements go, for their spans: postgres://role:password@host:port/name; role and password stay here. */
  DATABASE_URL: string;
}

/**
 * Starts OpenTelemetry's SDK. It sends to the collector of OTEL_EXPORTER_OTLP_ENDPOINT by OTLP over HTTP, as protobuf,
 * and reads the OTEL_ variables of the environment itself.
 */
export function startTracing(settings: TracingSettings, log: TraceLog): Tracing {
  logTraceWarnings(log);
  const resource = defaultResource()
    .merge(
      resourceFromAttributes({
        'service.name': 'gatehouse',
        'service.version': version,
        'service.instance.id': randomUUID(),
      }),
    )
    .merge(detectResources({ detectors: [envDetector] }));
  const losses = new SpanLosses(log);
  const queue = new SpanQueue(new GuardedExporter(new OTLPTraceExporter()), losses);
  const sampler = samplerOf(settings);
  const provider = new BasicTracerProvider({
    resource,
    spanProcessors: [queue],
    ...(sampler && { sampler }),
  });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  // No baggage: nothing here would read it
  propagation.setGlobalPropagator(new W3CTraceContextPropagator());
  return {
    provider,
    statement: statementTrace(provider, settings.DATABASE_URL),
    hash: hashTrace(provider),
    spans: losses,
    async close() {
      const flushed = provider.shutdown().catch(() => {});
      await Promise.race([flushed, sleep(flushBoundMs, undefined, { ref: false })]);
    },
  };
}

/** OpenTelemetry's semantic conventions for Postgres. Neither the text nor the parameters: the name says which it is. */
function statementTrace(provider: TracerProvider, databaseUrl: string): StatementTrace {
  const tracer = provider.getTracer('gatehouse.storage', version);
  const { hostname, port, pathname } = new URL(databaseUrl);
  const target = {
    'db.system.name': 'postgresql',
    'db.namespace': decodeURIComponent(pathname.slice(1)),
    ...(hostname !== '' && { 'server.address': hostname, 'server.port': Number(port || 5432) }),
  };
  return async (name, run) => {
    if (trace.getActiveSpan() === undefined) return run();
    const attributes = { ...target, 'db.query.summary': name };
    const span = tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes });
    try {
      return await run();
    } catch (error) {
      fail(span, error);
      throw error;
    } finally {
      span.end();
    }
  };
}

// SQLSTATE
const state = /^[0-9A-Z]{5}$/;

/** Without the message, in which Postgres quotes values. */
function fail(span: Span, error: unknown): void {
  const { code, name } = error as { code?: unknown; name?: unknown };
  span.setStatus({ code: SpanStatusCode.ERROR });
  span.setAttribute('error.type', String(code ?? name ?? '_OTHER'));
  if (typeof code === 'string' && state.test(code)) span.setAttribute('db.response.status_code', code);
}

/** A span of the wait for a thread, and one of the hash. */
function hashTrace(provider: TracerProvider): HashTrace {
  const tracer = provider.getTracer('gatehouse.passwords', version);
  return (kind) => {
    const parent = context.active();
    if (trace.getSpan(parent) === undefined) return undefined;
    let span = tracer.startSpan(`wait to ${kind} password`, {}, parent);
    return {
      started() {
        span.end();
        span = tracer.startSpan(`${kind} password`, {}, parent);
      },
      ended(error) {
        if (error !== undefined) fail(span, error);
        span.end();
      },
    };
  };
}
