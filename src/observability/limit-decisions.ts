import { Counter, type Registry } from 'prom-client';
import { type LimitedOperation, type LimitOutcome, limitedOperations, limitOutcomes } from './events.ts';

/** A counter of what limits decide: each refresh asks them, so that it is told to prom-client at a scrape only (see Tally). */
export class LimitDecisions {
  readonly #counts = Object.fromEntries(
    limitedOperations.map((operation) => [operation, { allowed: 0, exempted: 0, limited: 0 }]),
  ) as Record<LimitedOperation, Record<LimitOutcome, number>>;

  constructor(registers: Registry[]) {
    const counter = new Counter({
      name: 'gatehouse_rate_limit_decisions_total',
      help: 'Attempts, by what limits had to say of them',
      labelNames: ['operation', 'outcome'],
      registers,
      collect: () => {
        counter.reset();
        for (const operation of limitedOperations)
          for (const outcome of limitOutcomes)
            counter.inc({ operation, outcome }, this.#counts[operation][outcome]);
      },
    });
  }

  count(operation: LimitedOperation, outcome: LimitOutcome): void {
    this.#counts[operation][outcome] += 1;
  }
}
