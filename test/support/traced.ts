import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { createDatabase, type TestDatabase } from './database.ts';
import { freePort, type Gatehouse, production, ready, run } from './gatehouse-process.ts';
import { type OtlpReceiver, startOtlpReceiver } from './otlp-receiver.ts';
import { fetchChecked } from './watch.ts';

export interface Traced {
  gatehouse: Gatehouse;
  origin: string;
  port: number;
  collector: OtlpReceiver;
  database: TestDatabase;
}

/** Runs the service as it ships, with a collector that gets its spans soon. */
export async function startTraced(t: Test, more: Record<string, string> = {}): Promise<Traced> {
  const collector = await startOtlpReceiver(t);
  const database = await createDatabase(t);
  const port = await freePort();
  const gatehouse = run(t, 'server.js', {
    env: production(database.url, port, {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: '50',
      LOG_LEVEL: 'debug',
      ...more,
    }),
  });
  return { gatehouse, port, collector, database, origin: await ready(gatehouse, port) };
}

/** What a caller has that is traced itself. */
export interface CallerTrace {
  traceId: string;
  spanId: string;
}

export function newTrace(): CallerTrace {
  return { traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex') };
}

/** The header by which a caller tells of its trace; by default a sampled one. */
export function traceparent({ traceId, spanId }: CallerTrace, flags = '01'): { traceparent: string } {
  return { traceparent: `00-${traceId}-${spanId}-${flags}` };
}

export function postTraced(url: string, body: object, headers: Record<string, string>): Promise<Response> {
  const sent = { method: 'POST', headers: { 'content-type': 'application/json', ...headers } };
  return fetchChecked(url, { ...sent, body: JSON.stringify(body) });
}
