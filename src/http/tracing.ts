import { FastifyOtelInstrumentation } from '@fastify/otel';
import { type Context, context, ROOT_CONTEXT, type Span } from '@opentelemetry/api';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { TraceIds } from '../observability/events.ts';
import type { Tracing } from '../observability/tracing.ts';
import { probePaths } from './health.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Null for a request that is not traced; not there when none is. */
    traceIds?: TraceIds | null;
  }
}

/**
 * A span for each request, of which its statements and hashes are children, and which is itself a child of the caller's
 * when that sent a traceparent (W3C Trace Context). Its log lines carry the ids. Loaded only when spans are sent.
 */
export default fp<Pick<Tracing, 'provider'>>(
  async (app, { provider }) => {
    const instrumentation = new FastifyOtelInstrumentation({
      instrumentHooks: false,
      instrumentHandler: false,
      // Their messages may quote what a client has sent
      recordExceptions: false,
      ignorePaths: ({ url }) => probePaths.has(url.split('?')[0] ?? ''),
      requestHook: nameSpan,
    });
    instrumentation.setTracerProvider(provider);

    app.decorateRequest('traceIds', null);
    // What was pipelined begins as the answer before it ends, and so in the context of that request
    app.addHook('onRequest', (_request, _reply, done) => context.with(ROOT_CONTEXT, done));
    await app.register(instrumentation.plugin());
    app.addHook('onRequest', (request, reply, done) => {
      const { span } = traceOf(request);
      if (span !== null) {
        const { traceId: trace_id, spanId: span_id } = span.spanContext();
        request.traceIds = { trace_id, span_id };
        request.log = request.log.child(request.traceIds);
        reply.log = request.log;
      }
      done();
    });
    // A body arrives in events of its connection, which know nothing of the request
    app.addHook('preValidation', (request, _reply, done) => {
      const { context: ofRequest } = traceOf(request);
      if (ofRequest === null) done();
      else context.with(ofRequest, done);
    });
    app.addHook('onSend', (request, reply, _payload, done) => {
      const { span } = traceOf(request);
      const { errorCode, statusCode } = reply;
      if (span !== null && errorCode !== null) {
        span.setAttribute('error_code', errorCode);
        if (statusCode >= 500) span.setAttribute('error.type', errorCode);
      }
      done();
    });
  },
  { name: 'tracing' },
);

function nameSpan(span: Span, { method, routeOptions }: FastifyRequest): void {
  const { url: route } = routeOptions;
  span.updateName(route === undefined ? method : `${method} ${route}`);
}

/** Null for a request that is not traced, and when its span has ended. */
function traceOf(request: FastifyRequest): { span: Span | null; context: Context | null } {
  const { span, context: ofRequest } = request.opentelemetry();
  return { span: span ?? null, context: ofRequest ?? null };
}
