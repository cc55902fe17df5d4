import type { Figure } from '../../bench/figures.mjs';

/** A figure as three rounds give it. */
export function figure(id: string, median: number, { min = median, max = median, rounds = 3 } = {}): Figure {
  return { id, label: `the ${id}`, unit: 'ms', median, min, max, rounds };
}
