import { randomBytes } from 'node:crypto';
import { Agent } from 'node:http';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import autocannon from 'autocannon';
import { untilDue } from './due.mjs';
import { errorCode, isRefusal } from './refusals.mjs';
import { serveRemote, startRemote } from './remote.mjs';
import { quantile } from './statistics.mjs';
import { problemsAmong, timedGet } from './timed-get.mjs';

const thisFile = fileURLToPath(import.meta.url);
const json = { 'content-type': 'application/json' };
const kinds = { hold, closedLoop, newConnections, fixedRate, loginStorm };

/** Starts the process that makes the load. It keeps the sessions, whose refresh tokens change with each refresh. */
export function startLoad() {
  return startRemote(thisFile, Object.keys(kinds));
}

let sessions = [];
let credentials = [];
let allMayBeRefused = false;

/** @param {{ allMayBeRefused: boolean }} people whether not only what hashes may be told to come back later */
function hold(people) {
  ({ sessions, credentials, allMayBeRefused } = people);
}

/** What a connection sends over and over; `mine` are the sessions that no other connection uses. */
const requestsOf = {
  bare: () => [{ path: '/' }],
  livez: () => [{ path: '/livez' }],
  me: (mine) => mine.map((session) => ({ path: '/api/v1/me', headers: bearer(session) })),
  user: (mine) =>
    mine.map((session) => ({ path: `/auth/user/${subjectOf(session)}`, headers: bearer(session) })),
  login: (_, index) => [
    {
      method: 'POST',
      path: '/api/v1/auth/login',
      headers: json,
      body: JSON.stringify(credentials[index % credentials.length]),
    },
  ],
  register: () => {
    const setupRequest = (request) => {
      const email = `bench-${randomBytes(9).toString('hex')}@example.com`;
      const password = randomBytes(18).toString('base64url');
      const person = { name: 'Ada Lovelace', location: 'London', email, password };
      return { ...request, body: JSON.stringify(person) };
    };
    return [{ method: 'POST', path: '/api/v1/register-user', headers: json, setupRequest }];
  },
  refresh: (mine) => {
    let turn = 0;
    let current;
    const setupRequest = (request) => {
      current = mine[turn++ % mine.length];
      return { ...request, body: JSON.stringify({ refresh_token: current.refresh_token }) };
    };
    const onResponse = (status, body) => {
      if (status === 200) Object.assign(current, JSON.parse(body));
    };
    return [{ method: 'POST', path: '/api/v1/auth/refresh-token', headers: json, setupRequest, onResponse }];
  },
};

const bearer = ({ access_token }) => ({ authorization: `Bearer ${access_token}` });
const subjectOf = ({ access_token }) => JSON.parse(Buffer.from(access_token.split('.')[1], 'base64url')).sub;

const mayBeRefused = (kind) => kind === 'login' || kind === 'register' || allMayBeRefused;

/**
 * A fixed number of requests, one after another on each connection, until the last is answered. Each takes the next of the connection's
 * sessions; of several loops at once each has a `part` of them. Each must be answered 200, a registration 201; half of what hashes may be told to come back later (503 with Retry-After), as on a
 * machine that is too busy.
 *
 * @returns {Promise<{ perSecond: number, answered: number, refused: number, p50: number, p99: number }>} those not refused; latencies in
 *   milliseconds
 */
async function closedLoop({ url, kind, connections, amount, part = { of: 1, index: 0 } }) {
  const expected = kind === 'register' ? 201 : 200;
  const latencies = [];
  const wrong = {};
  let refused = 0;
  let index = 0;
  const all = part.of * connections;
  const setupClient = (client) => {
    let headers = [];
    let body = '';
    const mine = sessions.filter((_, session) => session % all === part.index * connections + index);
    client.setRequests(requestsOf[kind](mine, index++));
    client.on('headers', (given) => {
      headers = given.headers;
    });
    client.on('body', (given) => {
      body = given;
    });
    client.on('response', (status, _bytes, ms) => {
      if (status === expected) latencies.push(ms);
      else if (mayBeRefused(kind) && isRefusal(told(status, headers, body))) refused++;
      else count(wrong, `${status} ${errorCode(body) ?? ''}`);
    });
  };
  const began = performance.now();
  // autocannon checks this often (milliseconds) whether it is done; its default of 1 would load the measured machine
  const running = autocannon({ url, connections, amount, setupClient, sampleInt: 100 });
  let ended = began;
  running.on('response', () => {
    ended = performance.now();
  });
  const { errors } = await running;
  const answered = latencies.length;
  if (errors > 0) count(wrong, 'no answer', errors);
  const isTooFew = answered === 0 || (refused > answered && !allMayBeRefused);
  if (answered + refused !== amount || isTooFew) {
    const others = Object.entries(wrong).map(([name, times]) => `${times} × ${name}`);
    const given = [`${answered} × ${expected}`, `${refused} refused`, ...others].join(', ');
    throw new Error(`${kind}: of ${amount} requests, ${given}`);
  }
  return { perSecond: (answered * 1000) / (ended - began), answered, refused, ...quantilesOf(latencies) };
}

/** @param {string[]} headers names and values in turn */
function told(status, headers, body) {
  const at = headers.findIndex((name, index) => index % 2 === 0 && name.toLowerCase() === 'retry-after');
  return { status, code: errorCode(body), retryAfter: at === -1 ? undefined : headers[at + 1] };
}

function count(counts, name, times = 1) {
  counts[name] = (counts[name] ?? 0) + times;
}

/** A fixed number of GET /api/v1/me, each on a connection of its own, which autocannon does not count. */
async function newConnections({ url, connections, amount }) {
  let sent = 0;
  const answers = [];
  const began = performance.now();
  const client = async () => {
    while (sent < amount) {
      const headers = bearer(sessions[sent++ % sessions.length]);
      answers.push(await timedGet(`${url}/api/v1/me`, { agent: false, headers }, performance.now()));
    }
  };
  await Promise.all(Array.from({ length: connections }, client));
  const seconds = (performance.now() - began) / 1000;
  const latencies = latenciesOf('churn', answers);
  const answered = latencies.length;
  return {
    perSecond: answered / seconds,
    answered,
    refused: amount - answered,
    ...quantilesOf(latencies),
  };
}

/**
 * Sends GET /api/v1/me at a fixed rate, whether or not the last one has been answered, and measures each from the moment it was due: a
 * server that stalls is charged for those it kept from being sent (coordinated omission).
 *
 * Not autocannon's `overallRate`: that sends a second's requests in one burst, and corrects for a rate of one
 * request a millisecond, whatever the rate was.
 *
 * @returns {Promise<{ p50: number, p99: number, max: number, lateP99: number }>} milliseconds; `lateP99` is how much of it was this client's
 *   own waiting
 */
async function fixedRate({ url, rate, seconds }) {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const count = Math.round(rate * seconds);
  const began = performance.now();
  const answers = [];
  const late = [];
  while (answers.length < count) {
    const index = answers.length;
    const due = began + (index * 1000) / rate;
    await untilDue(due);
    late.push(performance.now() - due);
    const headers = bearer(sessions[index % sessions.length]);
    answers.push(timedGet(`${url}/api/v1/me`, { agent, headers }, due));
  }
  const given = await Promise.all(answers);
  agent.destroy();
  const latencies = latenciesOf('me', given);
  return { ...quantilesOf(latencies), max: Math.max(...latencies), lateP99: quantile(late, 0.99) };
}

function latenciesOf(kind, answers) {
  const counted = allMayBeRefused ? answers.filter(({ isRefused }) => !isRefused) : answers;
  const problems = problemsAmong(counted);
  if (problems !== '') throw new Error(`${kind}: ${problems}`);
  if (counted.length === 0) throw new Error(`${kind}: all of it was refused`);
  return counted.map(({ ms }) => ms);
}

function quantilesOf(latencies) {
  return { p50: quantile(latencies, 0.5), p99: quantile(latencies, 0.99) };
}

/**
 * Clients that log in again and again, each as soon as it has its answer; one that is told to come back later
 * (503 with Retry-After) does so. Counts the logins answered 200 once `settleSeconds` are over.
 *
 * @returns {Promise<{ perSecond: number, logins: number, refused: number }>}
 */
async function loginStorm({ url, connections, threads, settleSeconds, seconds }) {
  const countFrom = performance.now() + settleSeconds * 1000;
  const until = countFrom + seconds * 1000;
  const answered = [];
  let refused = 0;

  const client = async (_, index) => {
    const body = JSON.stringify(credentials[index % credentials.length]);
    while (performance.now() < until) {
      const response = await fetch(`${url}/api/v1/auth/login`, { method: 'POST', headers: json, body });
      const text = await response.text();
      const now = performance.now();
      if (response.status === 200 && now >= countFrom && now < until) answered.push(now);
      if (response.status === 200) continue;
      const answer = {
        status: response.status,
        code: errorCode(text),
        retryAfter: response.headers.get('retry-after'),
      };
      if (!isRefusal(answer)) throw new Error(`a login was answered ${answer.status} ${answer.code ?? ''}`);
      refused++;
      await sleep(Number(answer.retryAfter) * 1000);
    }
  };
  await Promise.all(Array.from({ length: connections }, client));

  if (refused > answered.length && !allMayBeRefused)
    throw new Error(`${answered.length} logins were answered and ${refused} refused`);
  if (answered.length <= threads) {
    if (!allMayBeRefused || answered.length === 0) throw new Error('hardly a login was answered');
    return { perSecond: 0, logins: answered.length, refused };
  }
  // From answer to answer, so that no login is counted in part; the threads may answer in step
  const span = (answered.at(-1) - answered[threads - 1]) / 1000;
  return { perSecond: (answered.length - threads) / span, logins: answered.length, refused };
}

if (process.argv[1] === thisFile) serveRemote(kinds);
