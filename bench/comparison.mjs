/**
 * Two results beside each other, figure by figure.
 *
 * @param {{ figures: object[] }} a
 * @param {{ figures: object[] }} b
 * @returns {{ id: string, label: string, unit: string, a: object, b: object, ratio: number, differs?: boolean }[]} what both have; `ratio`
 *   is b's middle by a's. They differ when each has its middle outside of what the rounds of the other gave; undefined when one was measured only
 *   once, and has no spread
 */
export function compare(a, b) {
  return a.figures.flatMap((first) => {
    const second = b.figures.find(({ id }) => id === first.id);
    if (!second) return [];
    const hasSpread = first.rounds > 1 && second.rounds > 1;
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

const isOutside = (value, { min, max }) => value < min || value > max;

/** Why the figures of two results may not be comparable, a sentence for each reason. */
export function doubts(a, b) {
  const sameMachine = ['cpu', 'cores', 'memoryGigabytes', 'os', 'node', 'postgres', 'durability'];
  return [
    ...sameMachine
      .filter((key) => a.machine[key] !== b.machine[key])
      .map((key) => `${key} is not the same: ${a.machine[key]}, and ${b.machine[key]}`),
    ...[a, b]
      .filter(({ isQuick }) => isQuick)
      .map(({ date }) => `the result of ${date} is of a quick run: its figures mean nothing`),
  ];
}
