import type { Snapshot } from '../observability/summed-metrics.ts';

/** What a worker tells the primary. */
export type FromWorker =
  | { readonly type: 'listening' }
  /** Why it could not start, for the person who started it. */
  | { readonly type: 'failed'; readonly explanation: string }
  | { readonly type: 'metrics'; readonly scrape: number; readonly metrics: Snapshot };

/** What the primary tells a worker. */
export type FromPrimary =
  /** The database is prepared. */
  | { readonly type: 'serve' }
  | { readonly type: 'scrape'; readonly scrape: number }
  | { readonly type: 'drain' };

/** Node's own messages between the two never get here, and what does is ours. */
export function isMessage<Message extends FromWorker | FromPrimary>(message: unknown): message is Message {
  return typeof message === 'object' && message !== null && 'type' in message;
}
