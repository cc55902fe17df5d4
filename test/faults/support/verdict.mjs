import { connectionsBesidesPool } from '../../../dist/storage/postgres.js';
import { quantile, tally } from './measure.mjs';
import { endsWithinMs } from './outcome.mjs';
import { poolSize } from './pool.mjs';
import { isGood, kinds, kindsUnasked, timesAllowed, timesToRecover, wholeWithinMs } from './recovery.mjs';

const unreadyWithinMs = 2000;
const readyWithinMs = 1000;

const nameOf = ({ status, code, error }) =>
  status === undefined ? `no answer (${error})` : `${status} ${code ?? ''}`.trim();

/**
 * Holds what was seen to the promises.
 *
 * @returns {{ saw: string, recoveredMs: number, lost: number, figures: object }}
 * @throws Error that names every broken promise, with the same figures as `result`
 */
export function judge(seen) {
  const { ledger, audited } = seen;
  const allowed = timesAllowed(seen);
  const recovered = timesToRecover(seen, allowed);
  const recoveredMs = Math.max(...Object.values(recovered));
  const promises = {
    answers: answersBroken(seen),
    recovery: recoveryBroken(seen, { recovered, allowed }),
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
    figures: { recovered, allowed, ...figuresOf(seen) },
  };
  const lines = Object.entries(promises).flatMap(([name, found]) => summarise(name, found));
  if (lines.length === 0) return result;
  throw Object.assign(new Error(lines.join('\n')), { result });
}

function summarise(name, found) {
  const shown = found.slice(0, 8).map((each) => `${name}: ${each}`);
  return found.length > 8 ? [...shown, `${name}: and ${found.length - 8} more`] : shown;
}

/** Only a 2xx or 4xx that the load is meant to have, or 503 DATABASE_UNAVAILABLE or OVERLOADED that says when to come back; in time. */
function answersBroken({ ledger }) {
  const broken = [];
  for (const request of ledger.requests) {
    const { kind, status, code, retryAfter, ms } = request;
    const refused = status === 503 && ['DATABASE_UNAVAILABLE', 'OVERLOADED'].includes(code);
    if (!isGood(request) && !refused) broken.push(`${kind} ${nameOf(request)} after ${Math.round(ms)} ms`);
    if (refused && !/^[1-9]\d*$/.test(retryAfter ?? ''))
      broken.push(`${kind} 503 with Retry-After ${retryAfter}`);
    if (ms > endsWithinMs) broken.push(`${kind} ${nameOf(request)} took ${Math.round(ms)} ms`);
  }
  return broken;
}

function recoveryBroken({ ledger, periods, calmUntil }, { recovered, allowed }) {
  const { accepting } = periods.at(-1);
  const calmRequests = ledger.requests.filter(({ end }) => end < calmUntil);
  const broken = [
    ...kinds
      .filter((kind) => !(recovered[kind] <= allowed[kind]))
      .map(
        (kind) =>
          `${kind}: answered again ${Math.round(recovered[kind])} ms after Postgres accepted connections, more than ${Math.round(allowed[kind])}`,
      ),
    ...kindsUnasked(ledger, periods),
  ];
  if (!ledger.requests.some((each) => each.end > calmUntil && !isGood(each)))
    broken.push('no request met the fault, so this shows nothing');
  const failedBefore = calmRequests.filter((each) => !isGood(each));
  if (failedBefore.length > 0)
    broken.push(`${failedBefore.length} failed before the fault: ${nameOf(failedBefore[0])}`);
  for (const kind of kinds) {
    const done = ledger.requests.filter((each) => each.kind === kind && isGood(each));
    if (!done.some(({ end }) => end < calmUntil)) broken.push(`${kind}: none before the fault`);
    const since = done.filter(({ start }) => start > accepting + wholeWithinMs);
    if (since.length < 3) broken.push(`${kind}: hardly any afterwards`);
  }
  const usual = (requests) =>
    quantile(
      requests.filter(({ kind }) => kind === 'me').map(({ ms }) => ms),
      0.5,
    );
  const calm = usual(calmRequests);
  const now = usual(ledger.requests.filter(({ start }) => start > accepting + wholeWithinMs));
  // The machine may be busier than it was
  if (now > 5 * calm + 50)
    broken.push(`me: took ${Math.round(calm)} ms before, and takes ${Math.round(now)} ms after`);
  return broken;
}

/**
 * /livez never fails. In each period /readyz goes at most once, and comes back in time; `readiness` says whether it
 * must go, may go or must stay.
 */
function probesBroken({ probes, periods, expected: { readiness = 'goes' } }) {
  const broken = probes.lives
    .filter(({ status }) => status !== 200)
    .map((answer) => `/livez: ${nameOf(answer)}`);
  const [first, ...changes] = probes.transitions;
  if (!first?.ready) broken.push('/readyz was not 200 before the fault');
  periods.forEach((period, index) => {
    const from = index === 0 ? Number.NEGATIVE_INFINITY : period.began;
    const next = periods[index + 1]?.began ?? Number.POSITIVE_INFINITY;
    const within = changes.filter(({ at }) => at >= from && at < next);
    if (!isInOrder(within, period, readiness)) broken.push(`/readyz: ${describeChanges(within, period)}`);
  });
  return broken;
}

function isInOrder(changes, { began, accepting }, readiness) {
  if (changes.length === 0) return readiness !== 'goes';
  const [left, back] = changes.map(({ at }) => at);
  const inTime = left - began <= unreadyWithinMs && back - accepting <= readyWithinMs;
  return readiness !== 'stays' && changes.length === 2 && inTime;
}

function describeChanges(changes, { began, accepting }) {
  const times = changes.map(
    ({ at, ready }) => `${ready ? 'ready' : 'unready'} at ${Math.round(at - began)} ms`,
  );
  return `${times.join(', ') || 'no change'}, the fault being over at ${Math.round(accepting - began)} ms`;
}

/** It lives, and holds no more than before: memory, file descriptors and connections, those of a full pool allowed. */
function processBroken({ replica, before, after, connections, databasePort }) {
  const broken = [];
  if (!replica.isRunning()) broken.push(`the process has ended\n${replica.log().slice(-2000)}`);
  if (replica.log().includes('"level":60')) broken.push('the process has met an error that nothing caught');
  if (connections > poolSize + connectionsBesidesPool)
    broken.push(`${connections} connections to the database`);
  if (!before || !after) return broken;
  const others = ({ descriptors, socketsTo }) => descriptors - (socketsTo[databasePort] ?? 0);
  if (others(after) > others(before) + 2)
    broken.push(
      `file descriptors that are no connection to the database: ${others(before)} before, ${others(after)} after`,
    );
  if ((after.socketsTo[databasePort] ?? 0) > poolSize + connectionsBesidesPool)
    broken.push(`${after.socketsTo[databasePort]} sockets to the database`);
  if (after.rssMb > before.rssMb * 1.25 + 30)
    broken.push(`memory: ${Math.round(before.rssMb)} MB before, ${Math.round(after.rssMb)} MB after`);
  return broken;
}

function describe({ ledger, periods, calmUntil }) {
  const during = ledger.requests.filter(({ end }) => end > calmUntil);
  const failed = during.filter((request) => !isGood(request));
  const slowest = Math.max(...during.map(({ ms }) => ms));
  const parts = [
    `${failed.length} of ${during.length} answered 503`,
    `slowest ${(slowest / 1000).toFixed(1)} s`,
  ];
  if (ledger.loggedOut.length > 0) parts.push(`${ledger.loggedOut.length} users logged out`);
  const lengths = periods.map(({ began, accepting }) => (accepting - began) / 1000);
  return `${parts.join(', ')}; ${lengths.map((seconds) => seconds.toFixed(1)).join(', ')} s of it`;
}

function figuresOf(seen) {
  const { ledger, audited, probes, periods, before, after, connections, databasePort } = seen;
  const [{ began }] = periods;
  const { accepting } = periods.at(-1);
  const held = (usage) =>
    usage && {
      rssMb: Math.round(usage.rssMb),
      descriptors: usage.descriptors,
      toDatabase: usage.socketsTo[databasePort] ?? 0,
    };
  const since = ledger.requests.filter(({ start }) => start > accepting + wholeWithinMs);
  return {
    periods: periods.map((each) => Math.round(each.accepting - each.began)),
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
