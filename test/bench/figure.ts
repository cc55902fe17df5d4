import type { Figure } from '../../bench/figures.mjs';

/** A figure as these rounds give it. */
export function figure(id: string, median: number, values: number[] = [median, median, median]): Figure {
  const [min, max] = [Math.min(...values), Math.max(...values)];
  return { id, label: `the ${id}`, unit: 'ms', median, min, max, values };
}
