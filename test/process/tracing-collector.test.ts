import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { freePort, type Gatehouse } from '../support/gatehouse-process.ts';
import { scrape, scrapeUntil } from '../support/metrics.ts';
import { startTraced } from '../support/traced.ts';
import { fetchChecked } from '../support/watch.ts';

const complaints = (gatehouse: Gatehouse) =>
  gatehouse.logLines().filter(({ msg }) => String(msg).startsWith('spans do not reach'));

t.test('what a collector can do wrong is said once, and holds nobody up', async (t) => {
  const silent = {
    OTEL_EXPORTER_OTLP_TIMEOUT: '300',
    OTEL_BSP_MAX_QUEUE_SIZE: '64',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '16',
  };
  const unreachable = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}` };
  const cases: [string, Record<string, string>, { status: number; afterMs: number }, RegExp][] = [
    ['it is not there', unreachable, { status: 200, afterMs: 0 }, /ECONNREFUSED/],
    [
      'it has no name',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://there-is-none.invalid:4318' },
      { status: 200, afterMs: 0 },
      /ENOTFOUND|EAI_AGAIN/,
    ],
    ['it refuses', {}, { status: 401, afterMs: 0 }, /401/],
    ['it is overloaded', {}, { status: 503, afterMs: 0 }, /^503: /],
    ['it never answers', {}, { status: 200, afterMs: 60_000 }, /timed out/i],
  ];
  for (const [name, env, answer, reason] of cases) {
    await t.test(name, async (t) => {
      const { origin, collector, gatehouse } = await startTraced(t, { ...silent, ...env });
      Object.assign(collector.answer, answer);
      for (let round = 0; round < 12; round++) {
        const slowest = performance.now();
        await Promise.all(Array.from({ length: 10 }, () => fetchChecked(`${origin}/.well-known/jwks.json`)));
        t.ok(performance.now() - slowest < 2000);
        if (round % 4 === 0) await sleep(200);
      }
      while (complaints(gatehouse).length === 0) await sleep(50);
      const began = performance.now();
      gatehouse.child.kill('SIGTERM');
      t.strictSame(await gatehouse.ended, { code: 0, signal: null });
      t.ok(performance.now() - began < 4000);
      t.equal(complaints(gatehouse).length, 1);
      t.match(String(complaints(gatehouse)[0]?.['reason']), reason);
      t.equal(gatehouse.stderr(), '');
    });
  }
});

t.test('a collector that comes back gets spans again, and that is said', async (t) => {
  const { origin, collector, gatehouse } = await startTraced(t);
  collector.answer.status = 400;
  await fetchChecked(`${origin}/openapi.json`);
  while (complaints(gatehouse).length === 0) await sleep(50);
  collector.answer.status = 200;
  await fetchChecked(`${origin}/.well-known/jwks.json`);
  await collector.received('GET /.well-known/jwks.json');
  gatehouse.child.kill('SIGTERM');
  await gatehouse.ended;
  t.match(
    gatehouse.logLines().find(({ msg }) => msg === 'spans reach the collector again'),
    { lost: 1 },
  );
});

t.test('what is lost is counted, whether it was refused or did not fit', async (t) => {
  const metricsPort = await freePort();
  const { origin, collector, gatehouse } = await startTraced(t, {
    METRICS_PORT: String(metricsPort),
    OTEL_BSP_MAX_QUEUE_SIZE: '32',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '8',
  });
  const name = 'gatehouse_spans_lost_total';
  t.equal((await scrape(metricsPort)).series.get(name), 0);
  Object.assign(collector.answer, { status: 400, afterMs: 100 });
  let asked = 0;
  const ask = () => {
    asked += 1;
    return fetchChecked(`${origin}/.well-known/jwks.json`);
  };
  for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 20 }, ask));
  Object.assign(collector.answer, { status: 200, afterMs: 0 });
  const arrived = () => gatehouse.logLines().find(({ msg }) => msg === 'spans reach the collector again');
  while (arrived() === undefined) {
    await ask();
    await sleep(50);
  }
  const { series } = await scrapeUntil(
    metricsPort,
    ({ series }) => Number(series.get(name)) + collector.spans.length === asked,
  );
  t.ok(Number(series.get(name)) > 100, `${series.get(name)} lost`);
  // A batch that was on its way at that moment may have been refused later
  const [told, inAll] = [Number(arrived()?.['lost']), Number(series.get(name))];
  t.ok(told > 100 && told <= inAll, `${told} told of ${inAll}`);
  t.equal(complaints(gatehouse).length, 1);
});

t.test('a collector that comes and goes is told of once a minute', async (t) => {
  const { origin, collector, gatehouse } = await startTraced(t);
  for (let round = 0; round < 10; round++) {
    collector.answer.status = round % 2 === 0 ? 400 : 200;
    const before = collector.bodies.length;
    await fetchChecked(`${origin}/.well-known/jwks.json`);
    while (collector.bodies.length === before) await sleep(20);
    await sleep(50);
  }
  gatehouse.child.kill('SIGTERM');
  await gatehouse.ended;
  t.equal(complaints(gatehouse).length, 1);
  t.strictSame(
    gatehouse
      .logLines()
      .filter(({ msg }) => msg === 'spans reach the collector again')
      .map(({ lost }) => lost),
    [1],
  );
});
