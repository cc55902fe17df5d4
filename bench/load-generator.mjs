import { fork } from 'node:child_process';
import { Agent, get } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { stop } from '../scripts/processes.mjs';
import { quantile } from './report.mjs';

const thisFile = fileURLToPath(import.meta.url);
const json = { 'content-type': 'application/json' };
const kinds = { meInTurn, refreshInTurn, loginStorm, fixedRate };

/**
 * Starts the load generator: one process for the whole run, as warm in the last round as in the first. It does what
 * it is told over IPC, several things at once if need be.
 */
export function startLoad() {
  const child = fork(thisFile);
  const waiting = new Map();
  let lastId = 0;
  child.on('message', ({ id, result, error }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  });
  child.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('the load generator ended'));
  });
  const ask = (kind) => (options) =>
    new Promise((resolve, reject) => {
      waiting.set(++lastId, { resolve, reject });
      child.send({ id: lastId, kind, options });
    });
  const load = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, ask(kind)]));
  return { ...load, stop: () => stop(child) };
}

/** A fixed number of GET /api/v1/me, one after another on each connection, each with its session's token. */
async function meInTurn({ url, amount, sessions }) {
  let next = 0;
  await inTurn({
    url: `${url}/api/v1/me`,
    amount,
    connections: sessions.length,
    setupClient: (client) => client.setHeaders({ authorization: `Bearer ${sessions[next++].access_token}` }),
  });
  return { sessions };
}

/** A fixed number of refreshes: each connection carries on from the refresh token it got last. */
async function refreshInTurn({ url, amount, sessions }) {
  const current = sessions.map((session) => ({ ...session }));
  const bodyOf = ({ refresh_token }) => JSON.stringify({ refresh_token });
  let next = 0;
  await inTurn({
    url: `${url}/api/v1/auth/refresh-token`,
    amount,
    connections: sessions.length,
    setupClient: (client) => {
      const session = current[next++];
      const onResponse = (status, body) => {
        if (status !== 200) return;
        Object.assign(session, JSON.parse(body));
        client.setBody(bodyOf(session));
      };
      client.setRequests([{ method: 'POST', headers: json, body: bodyOf(session), onResponse }]);
    },
  });
  return { sessions: current };
}

async function inTurn(options) {
  // autocannon checks this often (milliseconds) whether it is done; its default of 1 would load the measured machine
  const { '2xx': ok, errors } = await autocannon({ ...options, sampleInt: 100 });
  if (ok !== options.amount || errors > 0) {
    throw new Error(`${options.url}: ${ok} of ${options.amount} requests were answered 2xx`);
  }
}

/**
 * Clients that log in again and again, each as soon as it has its answer; one that is told to come back later
 * (503 with Retry-After) does so. Counts the logins answered 200 once `settleSeconds` are over.
 *
 * @returns {Promise<{ perSecond: number, logins: number, refused: number }>}
 */
async function loginStorm({ url, credentials, connections, threads, settleSeconds, seconds }) {
  const countFrom = performance.now() + settleSeconds * 1000;
  const until = countFrom + seconds * 1000;
  const answered = [];
  let refused = 0;

  const client = async (_, index) => {
    const body = JSON.stringify(credentials[index % credentials.length]);
    while (performance.now() < until) {
      const response = await fetch(`${url}/api/v1/auth/login`, { method: 'POST', headers: json, body });
      await response.arrayBuffer();
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

/**
 * Sends GET requests at a fixed rate, whether or not the last one has been answered, and measures each from the
 * moment it was due: a server that stalls is charged for those it kept from being sent (coordinated omission).
 *
 * Not autocannon's `overallRate`: that sends a second's requests in one burst, and corrects for a rate of one
 * request a millisecond, whatever the rate was.
 *
 * @returns {Promise<{ p50: number, p99: number, max: number, sent: number, failed: number }>} milliseconds
 */
async function fixedRate({ url, tokens, rate, seconds }) {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const count = Math.round(rate * seconds);
  const began = performance.now();
  const answers = [];
  while (answers.length < count) {
    const index = answers.length;
    const due = began + (index * 1000) / rate;
    if (due > performance.now()) await sleep(due - performance.now());
    const headers = tokens ? { authorization: `Bearer ${tokens[index % tokens.length]}` } : {};
    answers.push(latency(url, { agent, headers }, due));
  }
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

async function answer({ id, kind, options }) {
  try {
    process.send({ id, result: await kinds[kind](options) });
  } catch (error) {
    process.send({ id, error: error.message });
  }
}

if (process.argv[1] === thisFile) {
  process.on('message', answer);
  process.on('disconnect', () => process.exit());
}
