import { median, spread } from './statistics.mjs';

/**
 * Measures several subjects over and over, in turn: A B C and C B A, then B C A and A C B. So whatever else the machine does meets all alike,
 * and none is always first, nor always after the same one.
 *
 * @template Subject, Result
 * @param {number} rounds
 * @param {Record<string, Subject>} subjects by name
 * @param {(subject: Subject, name: string) => Promise<Result>} measure
 * @returns {Promise<Record<string, Result[]>>} what each gave, round by round
 */
export async function alternate(rounds, subjects, measure) {
  const names = Object.keys(subjects);
  const results = Object.fromEntries(names.map((name) => [name, []]));
  for (let round = 0; round < rounds; round++) {
    const first = Math.floor(round / 2) % names.length;
    const turned = [...names.slice(first), ...names.slice(0, first)];
    for (const name of round % 2 === 1 ? turned.reverse() : turned)
      results[name].push(await measure(subjects[name], name));
  }
  return results;
}

/** The middle of some rounds, how far they lie apart, and what each gave. */
export function summarise(values) {
  return { median: median(values), ...spread(values), values };
}

/** The same of what two subjects gave, divided round by round: rounds are neighbours in time. */
export function summariseRatio(values, others) {
  return summarise(values.map((value, round) => value / others[round]));
}
