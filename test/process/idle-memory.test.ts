import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { runWatched, scrape } from '../support/metrics.ts';
import { fetchChecked } from '../support/watch.ts';

t.test('once a load is over, its memory is given back: once, and not again', async (t) => {
  const { origin, metricsPort } = await runWatched(t, { LOG_LEVEL: 'warn' });
  /** How often V8 has collected all of the heap, and the bytes that it holds for it. */
  const look = async () => {
    const { series } = await scrape(metricsPort);
    return {
      collections: series.get('nodejs_gc_duration_seconds_count{kind="major"}') ?? 0,
      held: series.get('nodejs_heap_size_total_bytes') ?? Number.NaN,
    };
  };
  let isOver = false;
  const client = async () => {
    while (!isOver) await (await fetchChecked(`${origin}/api/v1/me`)).text();
  };
  const clients = Array.from({ length: 20 }, client);
  // More than is given back for, most of which the event loop has done
  const cpu = async () => (await scrape(metricsPort)).series.get('process_cpu_seconds_total') ?? Number.NaN;
  const enough = (await cpu()) + 3;
  while ((await cpu()) < enough) await sleep(200);
  isOver = true;
  await Promise.all(clients);
  const before = await look();
  // Two looks of five seconds: the first may still see the load
  await sleep(11_000);
  const after = await look();
  t.ok(
    after.collections > before.collections,
    `${before.collections} collections, then ${after.collections}`,
  );
  t.ok(after.held < 0.8 * before.held, `${before.held} bytes held, then ${after.held}`);
  await sleep(6000);
  t.equal((await look()).collections, after.collections);
});
