import { errorCodeOf } from './errors.ts';
import { readRetryAfter } from './retry-after.ts';

export interface RetryOptions {
  /** How often a request is sent at most, up to 100; 3 by default, 1 for no repetition. */
  maxAttempts?: number;
  /** The first wait without a Retry-After is between 0 and this, in milliseconds, and each further one up to twice as long; 500 by default. */
  baseDelayMs?: number;
  /**
   * Neither the wait that an answer asks for nor the random one on top is longer, in milliseconds; an answer that asks for a longer one is
   * handed to the caller. 10,000 by default.
   */
  maxDelayMs?: number;
}

export type RetryPolicy = Required<RetryOptions>;

// setTimeout fires at once when it is given more, which is almost 25 days
export const longestTimerMs = 2 ** 31 - 1;
// What is asked for and the random wait on top are one timer
const longestDelayMs = 2 ** 30 - 1;

/** @throws TypeError when an option is not a number in its range */
export function retryPolicy({
  maxAttempts = 3,
  baseDelayMs = 500,
  maxDelayMs = 10_000,
}: RetryOptions = {}): RetryPolicy {
  if (!Number.isInteger(maxAttempts)) throw new TypeError('retry.maxAttempts is not a whole number');
  return {
    maxAttempts: inRange('retry.maxAttempts', maxAttempts, 1, 100),
    baseDelayMs: inRange('retry.baseDelayMs', baseDelayMs, 0, longestDelayMs),
    maxDelayMs: inRange('retry.maxDelayMs', maxDelayMs, 0, longestDelayMs),
  };
}

/** @throws TypeError, which names the option, when its value is not a number between the two */
export function inRange(option: string, value: number, least: number, most: number): number {
  // Whatever the types say: settings come from anywhere
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw new TypeError(`${option} is not a number from ${least} to ${most}`);
}

/**
 * Milliseconds to wait before a request is sent again: what Retry-After asks for, and full jitter on top, so that
 * clients which were refused together do not come back together. Undefined when what is asked for is too long.
 *
 * @param attempt how often it has been sent, from 1
 */
export function retryDelay(policy: RetryPolicy, attempt: number, headers?: Headers): number | undefined {
  const asked = ((headers && readRetryAfter(headers)) ?? 0) * 1000;
  if (asked > policy.maxDelayMs) return undefined;
  const jitter = Math.random() * policy.baseDelayMs * 2 ** (attempt - 1);
  // Beyond the bound too: clients that wait for exactly as long as it is need it no less
  return asked + Math.min(jitter, policy.maxDelayMs);
}

// The service answers these before it has done anything. DATABASE_UNAVAILABLE is not one of them: in rare cases the
// request has taken effect
const refusedUntouched = ['OVERLOADED', 'PASSWORD_HASHING_BUSY', 'SHUTTING_DOWN', 'NOT_READY'];

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
    if (signal.aborted) {
      work.catch(() => {});
      return reject(signal.reason);
    }
    const abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
