import { errorCodeOf, readRetryAfter } from './errors.ts';

export interface RetryOptions {
  /** How often a request is sent at most; 3 by default, 1 for no repetition. */
  maxAttempts?: number;
  /** The first wait without a Retry-After is between 0 and this, in milliseconds, and each further one up to twice as long; 500 by default. */
  baseDelayMs?: number;
  /** No wait is longer, in milliseconds; an answer that asks for a longer one is handed to the caller. 10,000 by default. */
  maxDelayMs?: number;
}

export type RetryPolicy = Required<RetryOptions>;

export const defaultRetry: RetryPolicy = { maxAttempts: 3, baseDelayMs: 500, maxDelayMs: 10_000 };

/**
 * Milliseconds to wait before a request is sent again: what Retry-After asks for, and full jitter on top, so that
 * clients which were refused together do not come back together. Undefined when that would be too long.
 *
 * @param attempt how often it has been sent, from 1
 */
export function retryDelay(policy: RetryPolicy, attempt: number, headers?: Headers): number | undefined {
  const asked = ((headers && readRetryAfter(headers)) ?? 0) * 1000;
  if (asked > policy.maxDelayMs) return undefined;
  const jitter = Math.random() * policy.baseDelayMs * 2 ** (attempt - 1);
  return Math.min(asked + jitter, policy.maxDelayMs);
}

// The service answers these before it has done anything. DATABASE_UNAVAILABLE is not one of them: in rare cases the
// request has taken effect
const refusedUntouched = ['PASSWORD_HASHING_BUSY', 'SHUTTING_DOWN', 'NOT_READY'];

/**
 * Whether sending the request again may help and does no harm.
 *
 * @param repeatable the request may take effect twice
 */
export async function mayRepeat(response: Response, repeatable: boolean): Promise<boolean> {
  const { status } = response;
  if (status === 429) return true;
  if (repeatable) return [502, 503, 504].includes(status);
  return status === 503 && refusedUntouched.includes((await errorCodeOf(response)) ?? '');
}

/** @throws the signal's reason, at once, when it is aborted */
export async function wait(ms: number, signal?: AbortSignal): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const passed = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await unlessAborted(passed, signal);
  } finally {
    clearTimeout(timer);
  }
}

/** What the promise gives, unless the signal is aborted before: its reason is thrown then, and the work goes on. */
export function unlessAborted<T>(work: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return work;
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
