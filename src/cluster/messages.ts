import type { ServiceEvent } from '../observability/events.ts';
import type { Snapshot } from '../observability/summed-metrics.ts';

export type KeysEvent = ServiceEvent & { type: 'keys' };

/** What a worker tells the primary. */
export type FromWorker =
  /** What it is told from now on, it hears. */
  | { readonly type: 'hears' }
  | { readonly type: 'listening' }
  /** Why it could not start, for the person who started it. */
  | { readonly type: 'failed'; readonly explanation: string }
  | { readonly type: 'pong' }
  | { readonly type: 'metrics'; readonly scrape: number; readonly metrics: Snapshot }
  | KeysEvent;

/** What the primary tells a worker. */
export type FromPrimary =
  /** The database is prepared. */
  | { readonly type: 'serve' }
  /** Is answered as long as the worker does anything at all. */
  | { readonly type: 'ping' }
  | { readonly type: 'scrape'; readonly scrape: number }
  | { readonly type: 'drain' };

/** Node's own messages between the two never get here, and what does is ours. */
export function isMessage<Message extends FromWorker | FromPrimary>(message: unknown): message is Message {
  return typeof message === 'object' && message !== null && 'type' in message;
}
