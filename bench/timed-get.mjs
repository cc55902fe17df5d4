import { get } from 'node:http';
import { performance } from 'node:perf_hooks';

/**
 * Sends one GET request.
 *
 * @param {number} since when it was due, by performance.now()
 * @returns {Promise<{ ms?: number, problem?: string }>} milliseconds from `since` until the whole response was there, or why that was no 200
 */
export function timedGet(url, options, since) {
  return new Promise((resolve) => {
    const request = get(url, { ...options, timeout: 10_000 }, (response) => {
      response.resume();
      response.on('error', ({ message }) => resolve({ problem: message }));
      response.on('end', () => {
        const ms = performance.now() - since;
        resolve(response.statusCode === 200 ? { ms } : { problem: `a ${response.statusCode}` });
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
