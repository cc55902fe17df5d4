import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Clients that log in again and again, each as soon as it has its answer; one that is told to come back later
 * (503 with Retry-After) does so. Counts the logins answered 200 once `settleSeconds` are over.
 *
 * @returns {Promise<{ perSecond: number, logins: number, refused: number }>}
 */
export async function loginStorm({ url, credentials, connections, threads, settleSeconds, seconds }) {
  const countFrom = performance.now() + settleSeconds * 1000;
  const until = countFrom + seconds * 1000;
  const answered = [];
  let refused = 0;

  const client = async (_, index) => {
    const body = JSON.stringify(credentials[index % credentials.length]);
    while (performance.now() < until) {
      const response = await logIn(url, body);
      const now = performance.now();
      if (response.status === 200 && now >= countFrom && now < until) answered.push(now);
      if (response.status === 200) continue;
      if (response.status !== 503) throw new Error(`a login was answered ${response.status}`);
      refused++;
      await sleep(Number(response.headers.get('retry-after')) * 1000);
    }
  };
  await Promise.all(Array.from({ length: connections }, client));

  if (answered.length <= threads) throw new Error('hardly a login was answered');
  // From answer to answer, so that no login is counted in part; the threads may answer in step
  const span = (answered.at(-1) - answered[threads - 1]) / 1000;
  return { perSecond: (answered.length - threads) / span, logins: answered.length, refused };
}

async function logIn(url, body) {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}/api/v1/auth/login`, { method: 'POST', headers, body });
  await response.arrayBuffer();
  return response;
}
