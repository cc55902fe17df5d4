import { Counter, type Registry } from 'prom-client';

interface TallyMetric<Value extends string> {
  name: string;
  help: string;
  label: string;
  /** All of them: what is not there from the start has no rate. */
  values: readonly Value[];
}

/**
 * A counter with one label. prom-client looks its series up by a text made of the labels each time; here each is a number
 * that it is told when it is scraped.
 */
export class Tally<Value extends string> {
  readonly #counts: Map<Value, number>;

  constructor(registers: Registry[], { name, help, label, values }: TallyMetric<Value>) {
    this.#counts = new Map(values.map((value) => [value, 0]));
    const counter = new Counter({
      name,
      help,
      labelNames: [label],
      registers,
      collect: () => {
        counter.reset();
        for (const [value, count] of this.#counts) counter.inc({ [label]: value }, count);
      },
    });
  }

  count(value: Value): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1);
  }
}
