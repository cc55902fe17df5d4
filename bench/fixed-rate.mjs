import { Agent, get } from 'node:http';
import { performance } from 'node:perf_hooks';
import { quantile } from './statistics.mjs';

/**
 * Sends GET requests at a fixed rate, whether or not the last one has been answered, and measures each from the
 * moment it was due: a server that stalls is charged for those it kept from being sent (coordinated omission).
 *
 * Not autocannon's `overallRate`: that sends a second's requests in one burst, and corrects for a rate of one
 * request a millisecond, whatever the rate was.
 *
 * @returns {Promise<{ p50: number, p99: number, max: number, sent: number, failed: number }>} milliseconds
 */
export async function fixedRate({ url, tokens, rate, seconds }) {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const count = Math.round(rate * seconds);
  const interval = 1000 / rate;
  const began = performance.now();
  const dueAt = (index) => began + index * interval;
  const answers = [];
  await new Promise((resolve) => {
    const sendDue = () => {
      while (answers.length < count && dueAt(answers.length) <= performance.now()) {
        const index = answers.length;
        const headers = tokens ? { authorization: `Bearer ${tokens[index % tokens.length]}` } : {};
        answers.push(latency(url, { agent, headers }, dueAt(index)));
      }
      if (answers.length === count) resolve();
      else setTimeout(sendDue, dueAt(answers.length) - performance.now());
    };
    sendDue();
  });
  const latencies = await Promise.all(answers);
  agent.destroy();
  const answered = latencies.filter((each) => each !== undefined).sort((a, b) => a - b);
  return {
    p50: quantile(answered, 0.5),
    p99: quantile(answered, 0.99),
    max: quantile(answered, 1),
    sent: count,
    failed: count - answered.length,
  };
}

/** Milliseconds from when it was due until the whole response was there; undefined unless that was a 200. */
function latency(url, options, due) {
  return new Promise((resolve) => {
    const request = get(url, { ...options, timeout: 10_000 }, (response) => {
      response.resume();
      response.on('error', () => resolve(undefined));
      response.on('end', () => {
        resolve(response.statusCode === 200 ? performance.now() - due : undefined);
      });
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
  });
}
