import { get } from 'node:http';
import { performance } from 'node:perf_hooks';
import { errorCode, isRefusal } from './refusals.mjs';

/**
 * Sends one GET request.
 *
 * @param {number} since when it was due, by performance.now()
 * @returns {Promise<{ ms?: number, problem?: string, isRefused?: boolean }>} milliseconds from `since` until the whole response was there, or why
 *   that was no 200, and whether the service was too busy
 */
export function timedGet(url, options, since) {
  return new Promise((resolve) => {
    const request = get(url, { ...options, timeout: 10_000 }, (response) => {
      const { statusCode: status, headers } = response;
      let body = '';
      response.setEncoding('latin1').on('data', (text) => {
        body += text;
      });
      response.on('error', ({ message }) => resolve({ problem: message }));
      response.on('end', () => {
        if (status === 200) return resolve({ ms: performance.now() - since });
        const code = errorCode(body);
        const isRefused = isRefusal({ status, code, retryAfter: headers['retry-after'] });
        return resolve({ problem: `a ${status} ${code ?? ''}`, isRefused });
      });
    });
    request.on('timeout', () => request.destroy(new Error('no answer within ten seconds')));
    request.on('error', ({ message }) => resolve({ problem: message }));
  });
}

/** How often each problem was met, in words; empty of none. */
export function problemsAmong(answers) {
  const counts = {};
  for (const { problem } of answers) if (problem !== undefined) counts[problem] = (counts[problem] ?? 0) + 1;
  return Object.entries(counts)
    .map(([problem, count]) => `${count} × ${problem}`)
    .join(', ');
}
