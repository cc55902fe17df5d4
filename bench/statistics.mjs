/**
 * The value below which the share `q` (0 to 1) of the values lie, by nearest rank: always one of them. Undefined of none.
 *
 * @param {Iterable<number>} values in any order
 */
export function quantile(values, q) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(sorted.length * q) - 1)];
}

/** The middle value, or the mean of the two in the middle. Undefined of none. */
export function median(values) {
  const sorted = Float64Array.from(values).sort();
  if (sorted.length === 0) return undefined;
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle - 0.5)] + sorted[Math.ceil(middle) - 1]) / 2;
}

/** How far the rounds of a measurement lie apart. Neither is defined of none. */
export function spread(values) {
  const sorted = Float64Array.from(values).sort();
  return { min: sorted[0], max: sorted.at(-1) };
}
