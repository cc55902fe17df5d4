import { TooBusy } from './outcome.mjs';

// Milliseconds, of a quiet machine of two cores, on which a server that does nothing has a p99 of less than `quietP99Ms`
const bars = { goodClient: 100, probe: 50, loginAfter: 1000 };
const quietP99Ms = 10;
const widest = 3;

const busyness = (calm) => Math.max(1, calm.control.p99Ms / quietP99Ms);
const isTooBusy = (calm) => busyness(calm) > widest;

/** What an observer saw in these periods, by kind. */
export const phase = (seen, periods) =>
  Object.fromEntries(['me', 'livez', 'control'].map((kind) => [kind, seen.of(kind, periods)]));

export const withoutFailures = (kinds) =>
  Object.fromEntries(
    Object.entries(kinds).map(([kind, { failed, ...figures }]) => [
      kind,
      { ...figures, failed: failed.length },
    ]),
  );

/**
 * Good clients, of `/api/v1/me` over one connection and of `/livez` over a new one each time, held to the bar of these; or `/livez`
 * alone to that of probes. What the machine has to do besides slows a server that does nothing as
 * well: where it was busy before the fault, the bars are wider by that much, threefold at most.
 *
 * @param {object} calm of before the fault
 */
export function latencyBroken(calm, during, { asProbe = false } = {}) {
  return (asProbe ? ['livez'] : ['me', 'livez']).flatMap((kind) => {
    const { asked, p99Ms, failed } = during[kind];
    const bar = Math.round((asProbe ? bars.probe : bars.goodClient) * busyness(calm));
    const broken = failed
      .slice(0, 3)
      .map(
        ({ status, code, error, ms }) =>
          `${kind}: ${status ?? error} ${code ?? ''} after ${Math.round(ms)} ms`,
      );
    if (asked < 20) broken.push(`${kind} was hardly asked: ${asked} times`);
    if (p99Ms > bar && !isTooBusy(calm)) broken.push(`${kind}: p99 ${p99Ms} ms, more than ${bar}`);
    return broken;
  });
}

/** The first login after an attack, as soon as it is over. */
export function loginBroken({ status, code, ms }, calm) {
  const isQuick = ms < bars.loginAfter * busyness(calm) || isTooBusy(calm);
  return status === 200 && isQuick
    ? []
    : [`a login right after: ${status} ${code ?? ''} in ${Math.round(ms)} ms`];
}

/**
 * @throws Error that names what is broken, with the result
 * @throws TooBusy when nothing is, and the machine was too busy for the bars to mean anything
 */
export function conclude({ broken, calm, result }) {
  if (broken.length > 0) throw Object.assign(new Error(broken.slice(0, 12).join('\n')), { result });
  if (isTooBusy(calm))
    throw Object.assign(
      new TooBusy(
        `the machine is too busy to tell: a server that does nothing had p99 ${calm.control.p99Ms} ms before the fault`,
      ),
      { result },
    );
  return result;
}
