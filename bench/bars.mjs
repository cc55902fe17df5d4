/** What a full run must reach. A bar whose figure ends in `*` is one for each figure that begins so. */
export const bars = [
  { figure: 'ratio.me.floor', sign: '≤', limit: 1.15 },
  { figure: 'ratio.refresh.floor', sign: '≤', limit: 1.2 },
  { figure: 'storm.native.share', sign: '≥', limit: 95 },
  { figure: 'storm.bcryptjs.share', sign: '≥', limit: 95 },
  { figure: 'storm.native.times', sign: '≤', limit: 3 },
  { figure: 'storm.native.me', sign: '≤', limit: 25 },
  { figure: 'storm.bcryptjs.times', sign: '≤', limit: 3 },
  { figure: 'storm.bcryptjs.me', sign: '≤', limit: 25 },
  { figure: 'memory.idle', sign: '≤', limit: 120 },
  { figure: 'memory.after', sign: '≤', limit: 120 },
  { figure: 'memory.growth', sign: '≤', limit: 5 },
  { figure: 'start', sign: '≤', limit: 1 },
  { figure: 'ratio.me, two workers.one', sign: '≤', limit: 1.1 },
  { figure: 'ratio.refresh, two workers.one', sign: '≤', limit: 1.1 },
  { figure: 'livez.*', sign: '≤', limit: 10 },
];

/**
 * Holds figures to the bars.
 *
 * @param {{ id: string, label: string, unit: string, median: number, min: number, max: number }[]} figures
 * @param {{ isWhole: boolean }} options whether everything was to be measured: a bar without its figure is then missed, and else left out
 * @returns {{ name: string, figure?: object, sign: '≤' | '≥', limit: number, passes: boolean }[]}
 */
export function judge(figures, { isWhole }) {
  return bars.flatMap(({ figure: wanted, sign, limit }) => {
    const held = figures.filter(({ id }) =>
      wanted.endsWith('*') ? id.startsWith(wanted.slice(0, -1)) : id === wanted,
    );
    if (held.length === 0) return isWhole ? [{ name: wanted, sign, limit, passes: false }] : [];
    return held.map((figure) => ({
      name: figure.label,
      figure,
      sign,
      limit,
      passes: reaches(figure.median, sign, limit),
    }));
  });
}

// What is no number reaches nothing
const reaches = (value, sign, limit) => (sign === '≤' ? value <= limit : value >= limit);
