import { EventEmitter } from 'node:events';
import { Counter, Registry } from 'prom-client';
import t from 'tap';
import { type Snapshot, SummedMetrics, type Workers } from '../../src/observability/summed-metrics.ts';

type Events = {
  metrics: [id: number, answer: { scrape: number; metrics: Snapshot }];
  ended: [id: number];
  lost: [];
};

class FakeWorkers extends EventEmitter<Events> implements Workers {
  readonly ids = new Set([1, 2]);
  onScrape: (scrape: number) => void = () => {};

  get listening(): number {
    return this.ids.size;
  }

  scrape(scrape: number): number[] {
    setImmediate(() => this.onScrape(scrape));
    return [...this.ids];
  }

  end(id: number): void {
    this.ids.delete(id);
    this.emit('ended', id);
  }
}

async function counted(value: number): Promise<Snapshot> {
  const registry = new Registry();
  new Counter({ name: 'things_total', help: 'Things', registers: [registry] }).inc(value);
  return registry.getMetricsAsJSON();
}

const within = async <Result>(work: Promise<Result>): Promise<{ result: Result; ms: number }> => {
  const began = performance.now();
  return { result: await work, ms: performance.now() - began };
};

t.test(
  'a scrape waits for a worker that is silent, for a second, and not for one that has ended',
  async (t) => {
    const workers = new FakeWorkers();
    const metrics = new SummedMetrics(workers);
    const three = await counted(3);
    workers.onScrape = (scrape) => {
      for (const id of workers.ids) workers.emit('metrics', id, { scrape, metrics: three });
    };
    t.match((await metrics.exposition()).text, /^things_total 6$/m);

    workers.onScrape = (scrape) => {
      workers.emit('metrics', 1, { scrape, metrics: three });
      workers.end(2);
    };
    const ended = await within(metrics.exposition());
    t.ok(ended.ms < 500, `${ended.ms} ms`);
    t.match(ended.result.text, /^things_total 6$/m, 'what it had counted stays');
    t.match(ended.result.text, /^gatehouse_workers_ended_total 0$/m, 'as it was told to');
    workers.emit('lost');

    workers.onScrape = () => {};
    const silent = await within(metrics.exposition());
    t.ok(silent.ms >= 990 && silent.ms < 3000, `${silent.ms} ms`);
    t.match(silent.result.text, /^things_total 6$/m, 'what it has said last is told');
    t.match(silent.result.text, /^gatehouse_workers_ended_total 1$/m);
  },
);
