import type { Worker } from 'node:cluster';
import type { FromPrimary } from './messages.ts';

/** What is known of a worker before it is started. */
export interface Attempt {
  /** Which of them it is; the one that replaces it is so as well. */
  readonly index: number;
  /** How many before it, in a row, have ended young, and how many before they listened. */
  readonly quickEnds: number;
  readonly failedStarts: number;
}

/** A worker, and what it has told. */
export interface Place extends Attempt {
  readonly worker: Worker;
  /** Milliseconds of performance.now(). */
  readonly startedAt: number;
  /** Whether it handles messages, and signals. */
  hears: boolean;
  isListening: boolean;
  /** How many pings it has left unanswered. */
  unanswered: number;
  explanation?: string;
}

/** One that ends right now need not be told. */
export function send(worker: Worker, message: FromPrimary): void {
  if (worker.isConnected()) worker.send(message, undefined, undefined, () => {});
}

export function explanationOf({ explanation, worker }: Place): string {
  return explanation ?? `Gatehouse could not start: process ${worker.process.pid} ended before it listened`;
}
