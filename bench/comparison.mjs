import { loadTime } from './figures.mjs';

/**
 * Two results beside each other, figure by figure.
 *
 * @param {{ figures: object[] }} a
 * @param {{ figures: object[] }} b
 * @returns {{ id: string, label: string, unit: string, a: object, b: object, ratio: number, differs?: boolean }[]} what both have; `ratio`
 *   is b's middle by a's. They differ when each has its middle outside of the other's middle half of rounds; undefined when one was
 *   measured only once, and has no spread
 */
export function compare(a, b) {
  return a.figures.flatMap((first) => {
    const second = b.figures.find(({ id }) => id === first.id);
    if (!second) return [];
    const hasSpread = first.values.length > 1 && second.values.length > 1;
    return [
      {
        id: first.id,
        label: first.label,
        unit: first.unit,
        a: first,
        b: second,
        ratio: second.median / first.median,
        ...(hasSpread && { differs: isOutside(first.median, second) && isOutside(second.median, first) }),
      },
    ];
  });
}

function isOutside(value, { values }) {
  const sorted = Float64Array.from(values).sort();
  const leftOut = Math.floor(sorted.length / 4);
  return value < sorted[leftOut] || value > sorted[sorted.length - 1 - leftOut];
}

/** Why the figures of two results may not be comparable, a sentence for each reason. */
export function doubts(a, b) {
  const sameMachine = ['cpu', 'cores', 'memoryGigabytes', 'os', 'node', 'postgres', 'durability'];
  return [
    ...sameMachine
      .filter((key) => a.machine[key] !== b.machine[key])
      .map((key) => `${key} is not the same: ${a.machine[key]}, and ${b.machine[key]}`),
    ...[a, b]
      .filter(({ isIncomplete }) => isIncomplete)
      .map(({ date }) => `the run of ${date} was broken off`),
    ...loadsApart(a.mixed?.memory.loadSeconds, b.mixed?.memory.loadSeconds),
  ];
}

function loadsApart(a, b) {
  if (a === undefined || b === undefined || a === b) return [];
  return [`memory is after ${loadTime(a)} of mixed load, and after ${loadTime(b)}`];
}
