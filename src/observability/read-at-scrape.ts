import { Counter, Gauge, type Registry } from 'prom-client';

export interface StateMetric<State extends string> {
  name: string;
  help: string;
  label: string;
  states: readonly State[];
}

/** One series a state, of which the one that is read is 1. */
export function stateOf<State extends string>(
  registers: Registry[],
  { name, help, label, states }: StateMetric<State>,
  read: () => State,
): void {
  const gauge = new Gauge({
    name,
    help,
    labelNames: [label],
    registers,
    collect: () => {
      const now = read();
      for (const state of states) gauge.set({ [label]: state }, state === now ? 1 : 0);
    },
  });
}

/** Without a sample while there is nothing to tell. The aggregator makes one of the values of several workers. */
export function gaugeOf(
  registers: Registry[],
  name: string,
  help: string,
  read: () => number | null,
  aggregator: 'sum' | 'max' = 'sum',
): void {
  const gauge = new Gauge({
    name,
    help,
    registers,
    aggregator,
    collect: () => {
      const value = read();
      if (value === null) gauge.remove();
      else gauge.set(value);
    },
  });
}

export function counterOf(registers: Registry[], name: string, help: string, read: () => number): void {
  const counter = new Counter({
    name,
    help,
    registers,
    collect: () => {
      counter.reset();
      counter.inc(read());
    },
  });
}
