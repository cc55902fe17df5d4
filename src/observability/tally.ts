import { Counter, type Registry } from 'prom-client';

interface TallyMetric<Labels extends Record<string, string>> {
  name: string;
  help: string;
  /** All values of each label: what is not there from the start has no rate. */
  labels: { readonly [Name in keyof Labels]: readonly Labels[Name][] };
}

/**
 * A counter whose series are all known. prom-client looks each up by a text made of the labels each time; here they are
 * numbers that it is told when it is scraped.
 */
export class Tally<Labels extends Record<string, string>> {
  readonly #labels: readonly [name: string, values: readonly string[]][];
  readonly #series: readonly { labels: Record<string, string>; count: number }[];

  constructor(registers: Registry[], { name, help, labels }: TallyMetric<Labels>) {
    this.#labels = Object.entries(labels);
    this.#series = everyCombination(this.#labels).map((each) => ({ labels: each, count: 0 }));
    const counter = new Counter({
      name,
      help,
      labelNames: Object.keys(labels),
      registers,
      collect: () => {
        counter.reset();
        for (const { labels, count } of this.#series) counter.inc(labels, count);
      },
    });
  }

  count(labels: Labels): void {
    let place = 0;
    for (const [name, values] of this.#labels)
      place = place * values.length + values.indexOf(labels[name] ?? '');
    const series = this.#series[place];
    if (series !== undefined) series.count += 1;
  }
}

/** The last label changes first. */
function everyCombination(labels: readonly [name: string, values: readonly string[]][]) {
  return labels.reduce<Record<string, string>[]>(
    (some, [name, values]) => some.flatMap((each) => values.map((value) => ({ ...each, [name]: value }))),
    [{}],
  );
}
