import { quantile } from './measure.mjs';

export const wholeWithinMs = 1000;
export const kinds = ['register', 'login', 'refresh', 'me'];
const good = { register: [201, 409], login: [200], refresh: [200, 401], me: [200] };

/** Whether users had what they asked for, or were refused with a reason of theirs. */
export const isGood = ({ kind, status }) => good[kind].includes(status);

/** By kind: a second, and what nine of ten such requests took at most before the fault. */
export function timesAllowed({ ledger, calmUntil }) {
  const calmOf = (kind) => ledger.requests.filter((each) => each.kind === kind && each.end < calmUntil);
  const usual = (kind) =>
    quantile(
      calmOf(kind).map(({ ms }) => ms),
      0.9,
    );
  return Object.fromEntries(kinds.map((kind) => [kind, wholeWithinMs + usual(kind)]));
}

/**
 * How long after Postgres accepts connections a client that asks has its answer: when the last request was sent that failed,
 * and what the first one took that was sent after it and did not. By kind, the longest of all periods.
 */
export function timesToRecover({ ledger, periods }, allowed) {
  const end = Math.max(...ledger.requests.map((each) => each.end));
  const timeOf = (kind) =>
    periods.map(({ accepting }, index) =>
      timeToRecover(
        ledger.requests.filter((each) => each.kind === kind && each.start > accepting),
        { accepting, next: periods[index + 1]?.began ?? end, allowedMs: allowed[kind] },
      ),
    );
  return Object.fromEntries(kinds.map((kind) => [kind, Math.max(...timeOf(kind))]));
}

/** Until the next fault, when nothing was answered in between, or a request still waited that had had time enough. */
function timeToRecover(requests, { accepting, next, allowedMs }) {
  const since = requests.filter(({ start }) => start < next);
  const answered = since.filter((each) => each.end <= next);
  const isHanging = since.some((each) => each.end > next && next - each.start > allowedMs);
  const lastFailed = Math.max(
    accepting,
    ...answered.filter((each) => !isGood(each)).map(({ start }) => start),
  );
  const [first] = answered.filter(({ start }) => start > lastFailed).sort((a, b) => a.start - b.start);
  return isHanging || first === undefined ? next - accepting : lastFailed - accepting + first.ms;
}

/** Where users asked for nothing between two faults, nothing is shown. */
export function kindsUnasked({ requests }, periods) {
  return periods.flatMap(({ accepting }, index) => {
    const next = periods[index + 1]?.began ?? Number.POSITIVE_INFINITY;
    const asked = new Set(
      requests.filter(({ start }) => start > accepting && start < next).map(({ kind }) => kind),
    );
    return kinds.filter((kind) => !asked.has(kind)).map((kind) => `${kind}: none after fault ${index + 1}`);
  });
}
