import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { runWatched, scrape } from '../support/metrics.ts';
import { fetchChecked } from '../support/watch.ts';

const { scripts } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
const flags = scripts.start.split(' ').filter((word: string) => word.startsWith('--'));

t.test('once a load is over, its memory is given back: once, and not again', async (t) => {
  const { origin, metricsPort } = await runWatched(t, { LOG_LEVEL: 'warn' }, flags);
  /** How often V8 has collected all of the heap, and the bytes in use of it. */
  const look = async () => {
    const { series } = await scrape(metricsPort);
    return {
      collections: series.get('nodejs_gc_duration_seconds_count{kind="major"}') ?? 0,
      used: series.get('nodejs_heap_size_used_bytes') ?? Number.NaN,
    };
  };
  const end = performance.now() + 5000;
  const client = async () => {
    while (performance.now() < end) await (await fetchChecked(`${origin}/api/v1/me`)).text();
  };
  await Promise.all(Array.from({ length: 20 }, client));
  const before = await look();
  // Two looks of five seconds: the first may still see the load
  await sleep(11_000);
  const after = await look();
  t.ok(
    after.collections > before.collections,
    `${before.collections} collections, then ${after.collections}`,
  );
  t.ok(after.used < before.used, `${before.used} bytes in use, then ${after.used}`);
  await sleep(6000);
  t.equal((await look()).collections, after.collections);
});
