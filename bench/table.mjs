/** The lines of a table, its first column to the left and the others to the right. */
export function table(head, rows) {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  );
}

/** A number with as many digits as are worth reading. */
export function number(value) {
  if (value === undefined || Number.isNaN(value)) return '–';
  if (Math.abs(value) >= 1000) return Math.round(value).toString();
  return Math.abs(value) >= 100
    ? value.toFixed(0)
    : Math.abs(value) >= 10
      ? value.toFixed(1)
      : value.toFixed(2);
}

/** The same with more digits where it would else read like the limit, which it is not. */
export function telling(value, limit) {
  const text = number(value);
  if (Number(text) !== limit || value === limit) return text;
  return value.toPrecision(6);
}

/** From the least to the most. */
export function range({ min, max, values }) {
  return values.length === 1 ? 'once' : `${number(min)}–${number(max)}`;
}
