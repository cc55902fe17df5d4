import type { Histogram, Registry } from 'prom-client';

const name = 'gatehouse_http_request_duration_seconds';
const help = 'Requests, from their headers to the end of the answer';
// Seconds
const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Requests of one method and route that were answered with one status. */
interface Series {
  readonly method: string;
  readonly status: number;
  readonly labels: Readonly<Record<'method' | 'route' | 'status_code', string>>;
  /** By bound, those that took longer than the bound before; the last took longer than all. */
  readonly counts: Float64Array;
  sum: number;
}

/**
 * The histogram of how long requests took. It counts each of them, so it counts into plain numbers: prom-client's own makes
 * several objects and a text of the labels each time. prom-client is given them when it is scraped, in its own form.
 */
export class RequestDurations {
  readonly #byRoute = new Map<string, Series[]>();

  constructor(registry: Registry) {
    // All that a registry asks of a metric; its types know its own kinds only
    registry.registerMetric(this as unknown as Histogram);
  }

  readonly name = name;
  readonly help = help;
  readonly type = 'histogram';
  readonly aggregator = 'sum';

  observe(
    { method, route, status }: { method: string; route: string; status: number },
    seconds: number,
  ): void {
    const series = this.#seriesOf(method, route, status);
    let bucket = 0;
    while (bucket < bounds.length && seconds > (bounds[bucket] ?? 0)) bucket += 1;
    series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
    series.sum += seconds;
  }

  /** Asked by the registry at each scrape. */
  async get() {
    const values = [...this.#byRoute.values()].flat().flatMap(samplesOf);
    return { name, help, type: this.type, aggregator: this.aggregator, values };
  }

  #seriesOf(method: string, route: string, status: number): Series {
    const ofRoute = this.#byRoute.get(route);
    // A handful: a look at each is cheaper than a text of both
    for (const each of ofRoute ?? []) if (each.status === status && each.method === method) return each;
    const labels = { method, route, status_code: String(status) };
    const series = { method, status, labels, counts: new Float64Array(bounds.length + 1), sum: 0 };
    if (ofRoute === undefined) this.#byRoute.set(route, [series]);
    else ofRoute.push(series);
    return series;
  }
}

function samplesOf({ labels, counts, sum }: Series) {
  let count = 0;
  const buckets = [...counts].map((each, bucket) => {
    count += each;
    return {
      metricName: `${name}_bucket`,
      labels: { le: bounds[bucket] ?? '+Inf', ...labels },
      value: count,
    };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: count },
  ];
}
