import { GatehouseNetworkError } from './errors.ts';
import { mayRepeat, type RetryPolicy, retryDelay, wait } from './retry.ts';

/** A request that can be sent more than once. */
export interface Call {
  method: string;
  url: string;
  headers: Headers;
  body?: ArrayBuffer | string;
}

export interface TransportOptions {
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  /** For each attempt, its answer's body included. */
  timeoutMs: number;
  retry: RetryPolicy;
}

export interface SendOptions {
  signal?: AbortSignal | undefined;
  /** The request may take effect twice, so that it is repeated when nobody knows whether it did. */
  repeatable: boolean;
}

export class Transport {
  readonly #options: TransportOptions;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /**
   * Sends a request, and again where that may help and does no harm.
   *
   * @throws GatehouseNetworkError when there is no answer; the signal's reason when it is aborted
   */
  async send(call: Call, { signal, repeatable }: SendOptions): Promise<Response> {
    const { retry, timeoutMs } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      const answer = await this.attempt(call, timeoutMs, signal).catch((error: unknown) => {
        if (!(error instanceof GatehouseNetworkError && repeatable) || attempt >= retry.maxAttempts)
          throw error;
      });
      if (answer && (attempt >= retry.maxAttempts || !(await mayRepeat(answer, repeatable)))) return answer;
      const delay = retryDelay(retry, attempt, answer?.headers);
      // Of a network error the delay is never too long
      if (delay === undefined && answer) return answer;
      await wait(delay ?? retry.maxDelayMs, signal);
    }
  }

  /**
   * Sends a request once. Its answer is there as a whole, so that one which breaks off counts as none.
   *
   * @throws as send()
   */
  async attempt(call: Call, timeoutMs: number, signal?: AbortSignal): Promise<Response> {
    signal?.throwIfAborted();
    const { method, url, headers, body } = call;
    const controller = new AbortController();
    const abort = () => controller.abort(signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    const timer = setTimeout(() => {
      controller.abort(new DOMException(`There was no answer within ${timeoutMs} ms`, 'TimeoutError'));
    }, timeoutMs);
    try {
      const response = await this.#options.fetch(url, {
        method,
        headers,
        ...(body !== undefined && { body }),
        signal: controller.signal,
        // A redirection could take tokens and passwords elsewhere, and the service sends none
        redirect: 'error',
        credentials: 'omit',
      });
      const { status, statusText } = response;
      const content = await response.arrayBuffer();
      // The constructor refuses a body, even an empty one, with these
      const bodiless = [204, 205, 304].includes(status);
      return new Response(bodiless ? null : content, { status, statusText, headers: response.headers });
    } catch (error) {
      signal?.throwIfAborted();
      throw new GatehouseNetworkError(error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
  }
}
