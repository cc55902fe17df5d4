import { quantile, tally } from './measure.mjs';

const deadlineMs = 5000;
// Of a busy machine, and of the client that measures
const allowanceMs = 500;
const wholeWithinMs = 1000;
const unreadyWithinMs = 2000;
const readyWithinMs = 1000;
const poolSize = 10;
const kinds = ['register', 'login', 'refresh', 'me'];
const good = { register: [201, 409], login: [200], refresh: [200, 401], me: [200] };

const isGood = ({ kind, status }) => good[kind].includes(status);
const nameOf = ({ status, code, error }) =>
  status === undefined ? `no answer (${error})` : `${status} ${code ?? ''}`.trim();

/**
 * Holds what was seen to the promises.
 *
 * @returns {{ saw: string, recoveredMs: number, lost: number, figures: object }}
 * @throws Error that names every broken promise, with the same figures as `result`
 */
export function judge(seen) {
  const recoveredMs = timeToRecover(seen);
  const { ledger, audited, expected } = seen;
  const promises = {
    answers: answersBroken(seen),
    recovery: recoveryBroken(seen, recoveredMs),
    ledger: ledger.violations,
    lost: audited.lost,
    twice: audited.twice,
    probes: probesBroken(seen),
    process: processBroken(seen),
  };
  const result = {
    saw: describe(seen),
    recoveredMs,
    lost: audited.lost.length,
    figures: figuresOf(seen),
  };
  const broken = Object.entries(promises).filter(([name]) => !expected.ignore?.includes(name));
  const lines = broken.flatMap(([name, found]) => summarise(name, found));
  if (lines.length === 0) return result;
  throw Object.assign(new Error(lines.join('\n')), { result });
}

function summarise(name, found) {
  const shown = found.slice(0, 8).map((each) => `${name}: ${each}`);
  return found.length > 8 ? [...shown, `${name}: and ${found.length - 8} more`] : shown;
}

/** Only a 2xx or 4xx that the load is meant to have, or 503 DATABASE_UNAVAILABLE that says when to come back; in time. */
function answersBroken({ ledger }) {
  const broken = [];
  for (const request of ledger.requests) {
    const { kind, status, code, retryAfter, ms } = request;
    const refused = status === 503 && code === 'DATABASE_UNAVAILABLE';
    if (!isGood(request) && !refused) broken.push(`${kind} ${nameOf(request)} after ${Math.round(ms)} ms`);
    if (refused && !/^[1-9]\d*$/.test(retryAfter ?? ''))
      broken.push(`${kind} 503 with Retry-After ${retryAfter}`);
    if (ms > deadlineMs + allowanceMs) broken.push(`${kind} ${nameOf(request)} took ${Math.round(ms)} ms`);
  }
  return broken;
}

/** From when Postgres accepts connections until the last request that was sent in vain. */
function timeToRecover({ ledger, accepting }) {
  const failed = ledger.requests.filter((request) => !isGood(request)).map(({ start }) => start);
  return Math.max(0, Math.max(accepting, ...failed) - accepting);
}

function recoveryBroken({ ledger, accepting, calmUntil, expected }, recoveredMs) {
  const broken = [];
  const within = expected.wholeWithinMs ?? wholeWithinMs;
  if (recoveredMs > within)
    broken.push(`a request sent ${Math.round(recoveredMs)} ms after Postgres accepted connections failed`);
  for (const kind of kinds) {
    const since = ledger.requests.filter((each) => each.kind === kind && each.start > accepting + within);
    if (since.filter(isGood).length < 3) broken.push(`${kind}: hardly any afterwards`);
    if (!ledger.requests.some((each) => each.kind === kind && each.end < calmUntil && isGood(each)))
      broken.push(`${kind}: none before the fault`);
  }
  const failedBefore = ledger.requests.filter((each) => each.end < calmUntil && !isGood(each));
  if (failedBefore.length > 0)
    broken.push(`${failedBefore.length} failed before the fault: ${nameOf(failedBefore[0])}`);
  return broken;
}

/** /livez never fails; /readyz goes once and comes back once, in time, or need not go at all when `expected` says so. */
function probesBroken({ probes, began, accepting, expected }) {
  const broken = probes.lives
    .filter(({ status }) => status !== 200)
    .map((answer) => `/livez: ${nameOf(answer)}`);
  const { goes = 1 } = expected;
  const [first, ...changes] = probes.transitions;
  if (!first?.ready) broken.push('/readyz was not 200 before the fault');
  const times = changes
    .map(({ at, ready }) => `${ready ? 'ready' : 'unready'} at ${Math.round(at - began)} ms`)
    .join(', ');
  if (goes === 'any') return broken;
  if (changes.length !== 2 * goes)
    broken.push(
      `/readyz: ${times || 'no change'}, the fault being over at ${Math.round(accepting - began)} ms`,
    );
  else if (goes === 1) {
    const [left, back] = changes.map(({ at }) => at);
    if (left - began > unreadyWithinMs) broken.push(`/readyz: ${times}: too late to say so`);
    if (back - accepting > readyWithinMs)
      broken.push(
        `/readyz: ${times}, the fault being over at ${Math.round(accepting - began)} ms: too late back`,
      );
  }
  return broken;
}

/** It lives, and holds no more than before: memory, file descriptors and connections, those of a full pool allowed. */
function processBroken({ replica, before, after, connections, databasePort }) {
  const broken = [];
  if (!replica.isRunning()) broken.push(`the process has ended\n${replica.log().slice(-2000)}`);
  if (replica.log().includes('"level":60')) broken.push('the process has met an error that nothing caught');
  if (connections > poolSize + 1) broken.push(`${connections} connections to the database`);
  if (!before || !after) return broken;
  const others = ({ descriptors, socketsTo }) => descriptors - (socketsTo[databasePort] ?? 0);
  if (others(after) > others(before) + 2)
    broken.push(
      `file descriptors that are no connection to the database: ${others(before)} before, ${others(after)} after`,
    );
  if ((after.socketsTo[databasePort] ?? 0) > poolSize + 1)
    broken.push(`${after.socketsTo[databasePort]} sockets to the database`);
  if (after.rssMb > before.rssMb * 1.25 + 30)
    broken.push(`memory: ${Math.round(before.rssMb)} MB before, ${Math.round(after.rssMb)} MB after`);
  return broken;
}

function describe({ ledger, began, calmUntil, accepting }) {
  const during = ledger.requests.filter(({ end }) => end > calmUntil);
  const failed = during.filter((request) => !isGood(request));
  const slowest = Math.max(...during.map(({ ms }) => ms));
  const parts = [
    `${failed.length} of ${during.length} answered 503`,
    `slowest ${(slowest / 1000).toFixed(1)} s`,
  ];
  if (ledger.loggedOut.length > 0) parts.push(`${ledger.loggedOut.length} users logged out`);
  return `${parts.join(', ')}; fault of ${((accepting - began) / 1000).toFixed(1)} s`;
}

function figuresOf(seen) {
  const { ledger, audited, probes, began, accepting, before, after, connections, databasePort } = seen;
  const held = (usage) =>
    usage && {
      rssMb: Math.round(usage.rssMb),
      descriptors: usage.descriptors,
      toDatabase: usage.socketsTo[databasePort] ?? 0,
    };
  const since = ledger.requests.filter(({ start }) => start > accepting + wholeWithinMs);
  return {
    faultMs: Math.round(accepting - began),
    answers: tally(ledger.requests, (request) => `${request.kind} ${nameOf(request)}`),
    audited: audited.checked,
    loggedOut: ledger.loggedOut,
    livez: {
      asked: probes.lives.length,
      p99Ms: quantile(
        probes.lives.map(({ ms }) => ms),
        0.99,
      ),
    },
    readyz: probes.transitions.map(({ at, ready, reason }) => ({
      ms: Math.round(at - began),
      ready,
      reason,
    })),
    afterwards: {
      p99Ms: quantile(
        since.map(({ ms }) => ms),
        0.99,
      ),
      maxMs: Math.max(...since.map(({ ms }) => ms)),
    },
    before: held(before),
    after: held(after),
    connections,
  };
}
