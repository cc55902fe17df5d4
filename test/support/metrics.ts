import { setTimeout as sleep } from 'node:timers/promises';
import type { Test } from 'tap';
import { createDatabase, type TestDatabase } from './database.ts';
import { freePort, type Gatehouse, production, ready, run } from './gatehouse-process.ts';

export interface Family {
  type: string;
  help: string;
  /** The labels of its series, `le` of a histogram left out. */
  labels: Set<string>;
}

/** What a scrape has told: the metrics by name, and the values by series as it is written. */
export interface Scrape {
  families: Map<string, Family>;
  series: Map<string, number>;
}

export interface Watched {
  gatehouse: Gatehouse;
  origin: string;
  port: number;
  metricsPort: number;
  database: TestDatabase;
}

/** Runs the service as it ships, with its metrics on a free port. */
export async function runWatched(t: Test, env: Record<string, string> = {}): Promise<Watched> {
  const database = await createDatabase(t);
  const [port, metricsPort] = [await freePort(), await freePort()];
  const gatehouse = run(t, 'server.js', {
    env: production(database.url, port, { METRICS_PORT: String(metricsPort), ...env }),
  });
  return { gatehouse, database, port, metricsPort, origin: await ready(gatehouse, port) };
}

export async function scrape(port: number): Promise<Scrape> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
  if (answer.status !== 200) throw new Error(`the scrape was answered ${answer.status}`);
  return parse(await answer.text());
}

const untilMs = 30_000;

/** Scrapes until the condition holds. The end of a request is counted after its answer has left. */
export async function scrapeUntil(port: number, condition: (scrape: Scrape) => boolean): Promise<Scrape> {
  const end = performance.now() + untilMs;
  for (;;) {
    const found = await scrape(port);
    if (condition(found)) return found;
    if (performance.now() > end) throw new Error('what is waited for has not been told');
    await sleep(20);
  }
}

/** By how much each series has risen, those that have not left out. */
export function rises(before: Scrape, after: Scrape, name: RegExp): Record<string, number> {
  const all = [...after.series].map(([key, value]) => [key, value - (before.series.get(key) ?? 0)] as const);
  return Object.fromEntries(all.filter(([key, rise]) => name.test(key) && rise !== 0));
}

const sample = /^([a-z_]\w*)(?:\{(.*)\})? (\S+)$/;
const label = /([a-z_]+)="((?:[^"\\]|\\.)*)",?/g;

function parse(text: string): Scrape {
  const families = new Map<string, Family>();
  const series = new Map<string, number>();
  for (const line of text.split('\n')) {
    const [, keyword, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (keyword === 'HELP') families.set(name, { type: '', help: rest, labels: new Set() });
    else if (keyword === 'TYPE') Object.assign(families.get(name) ?? {}, { type: rest });
    else if (line !== '') {
      const [, metric = '', labels = '', value] = sample.exec(line) ?? [];
      if (metric === '') throw new Error(`not in the text format of Prometheus: ${line}`);
      series.set(line.slice(0, line.lastIndexOf(' ')), Number(value));
      const family = families.get(metric) ?? families.get(metric.replace(/_(bucket|sum|count)$/, ''));
      for (const [, each = ''] of labels.matchAll(label)) if (each !== 'le') family?.labels.add(each);
    }
  }
  return { families, series };
}
