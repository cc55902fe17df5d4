import type { Registry } from 'prom-client';

/** The metrics of one process at one time. */
export type Snapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;

/** What a worker tells the primary. */
export type FromWorker =
  | { readonly type: 'listening' }
  /** Why it could not start, for the person who started it. */
  | { readonly type: 'failed'; readonly explanation: string }
  | { readonly type: 'metrics'; readonly scrape: number; readonly metrics: Snapshot };

/** What the primary tells a worker: that the database is prepared, and that it wants the metrics. */
export type FromPrimary = { readonly type: 'serve' } | { readonly type: 'scrape'; readonly scrape: number };

/** Node's own messages between the two never get here, and what does is ours. */
export function isMessage<Message extends FromWorker | FromPrimary>(message: unknown): message is Message {
  return typeof message === 'object' && message !== null && 'type' in message;
}
