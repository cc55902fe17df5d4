import { audit } from './audit.mjs';
import { tally } from './measure.mjs';

/** Milliseconds in which a request ends: REQUEST_DEADLINE_MS, by default, and what a busy machine and the client that measures add. */
export const endsWithinMs = 5000 + 500;

/** Nothing was found to be broken, and the machine had too much else to do for that to mean anything. */
export class TooBusy extends Error {}

const good = { register: [201, 409], login: [200], refresh: [200], me: [200] };

/** What clients had that they should not have had: neither what they asked for, nor what `expected` says. */
export function failures(requests, expected = () => false) {
  return requests
    .filter((request) => !good[request.kind].includes(request.status) && !expected(request))
    .map(describe);
}

export function describe({ kind, status, code, error }) {
  return `${kind} ${status ?? 'no answer'} ${code ?? error ?? ''}`.trim();
}

/** { "me 200": 812 } */
export const answersOf = (requests) => tally(requests, describe);

/** @throws Error that names the first of what was found, with a result that says what was seen */
export function insist(promises, result) {
  const broken = Object.entries(promises).flatMap(([name, found]) => {
    const list = [found].flat().filter((each) => each !== false && each !== undefined && each !== true);
    if (found === false) return [name];
    const shown = list.slice(0, 5).map((each) => `${name}: ${each}`);
    return list.length > 5 ? [...shown, `${name}: and ${list.length - 5} more`] : shown;
  });
  if (broken.length > 0) throw Object.assign(new Error(broken.join('\n')), { result });
  return result;
}

/** Audits the tables of a cluster. */
export function auditOf(cluster, ledger) {
  return audit((sql) => cluster.ask(sql), ledger);
}
