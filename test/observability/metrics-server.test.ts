import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { createDatabase } from '../support/database.ts';
import { startDatabaseProxy } from '../support/database-proxy.ts';
import { freePort, production, ready, run } from '../support/gatehouse-process.ts';
import { runWatched, type Scrape, scrape, scrapeUntil } from '../support/metrics.ts';

const phaseOf = ({ series }: Scrape) =>
  ['starting', 'serving', 'draining'].filter(
    (phase) => series.get(`gatehouse_phase{phase="${phase}"}`) === 1,
  );

t.test('GET /metrics and nothing else', async (t) => {
  const { origin, metricsPort } = await runWatched(t);
  const ask = (path: string, init: RequestInit = {}) => fetch(`http://127.0.0.1:${metricsPort}${path}`, init);

  const scraped = await ask('/metrics?name=value');
  t.equal(scraped.status, 200);
  t.equal(scraped.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  t.equal(scraped.headers.get('cache-control'), 'no-store');
  t.match(await scraped.text(), /^gatehouse_build_info\{version="\d+\.\d+\.\d+",node_version="[\d.]+"\} 1$/m);

  const head = await ask('/metrics', { method: 'HEAD' });
  t.equal(head.status, 200);
  t.equal(await head.text(), '');
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) {
    const refused = await ask('/metrics', { method });
    t.equal(refused.status, 405, method);
    t.equal(refused.headers.get('allow'), 'GET, HEAD');
  }
  for (const path of ['/', '/metric', '/metrics/', '/livez', '/openapi.json', '/api/v1/me', '/%6detrics']) {
    t.equal((await ask(path)).status, 404, path);
  }
  t.equal((await fetch(`${origin}/metrics`)).status, 404, 'not among what clients reach');
});

t.test('on an address of their own, a single process and one with workers', async (t) => {
  for (const WEB_CONCURRENCY of ['1', '2']) {
    const own = { METRICS_HOST: '127.0.0.1', HOST: '0.0.0.0' };
    const { port, metricsPort } = await runWatched(t, { ...own, WEB_CONCURRENCY });
    // Of the same machine, and not of the listener
    const elsewhere = 'http://127.0.0.2';
    t.equal((await fetch(`${elsewhere}:${port}/livez`)).status, 200);
    await t.rejects(fetch(`${elsewhere}:${metricsPort}/metrics`), { cause: { code: 'ECONNREFUSED' } });
    t.ok((await scrape(metricsPort)).families.has('gatehouse_phase'));
  }
});

t.test('while it starts, serves and drains', async (t) => {
  const { url } = await createDatabase(t);
  const proxy = await startDatabaseProxy(t, url);
  const [port, metricsPort] = [await freePort(), await freePort()];
  await proxy.refuse();
  const gatehouse = run(t, 'server.js', {
    env: production(proxy.url, port, { METRICS_PORT: String(metricsPort), SHUTDOWN_DELAY_MS: '1500' }),
  });
  while (!gatehouse.stdout().includes('waiting for the database')) await sleep(20);
  t.strictSame(phaseOf(await scrape(metricsPort)), ['starting']);
  await proxy.accept();
  await ready(gatehouse, port);
  t.strictSame(phaseOf(await scrape(metricsPort)), ['serving']);

  // Neither holds up the end: one has sent nothing, and the other half a request
  const idle = [connect(metricsPort, '127.0.0.1'), connect(metricsPort, '127.0.0.1')];
  for (const socket of idle) socket.on('error', () => {});
  await Promise.all(idle.map((socket) => once(socket, 'connect')));
  idle[1]?.write('GET /metrics HTTP/1.1\r\nHost: ');
  gatehouse.child.kill('SIGTERM');
  const draining = await scrapeUntil(metricsPort, (found) => phaseOf(found)[0] !== 'serving');
  t.strictSame(phaseOf(draining), ['draining']);
  await sleep(1000);
  t.strictSame(phaseOf(await scrape(metricsPort)), ['draining'], 'until the end of the delay');
  const told = performance.now();
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  t.ok(performance.now() - told < 5000);
  await t.rejects(scrape(metricsPort));
});

t.test('more connections than are good for a scrape', async (t) => {
  const { metricsPort } = await runWatched(t);
  const flood = Array.from({ length: 100 }, () => connect(metricsPort, '127.0.0.1'));
  let open = 100;
  for (const socket of flood) {
    socket.resume().on('error', () => {});
    socket.on('close', () => open--);
    t.teardown(() => socket.destroy());
  }
  const deadline = performance.now() + 10_000;
  while (open > 32 && performance.now() < deadline) await sleep(20);
  t.ok(open <= 32, `${open} are open`);
  // What sends no headers is closed after five seconds
  while (performance.now() < deadline && open > 0) await sleep(50);
  t.equal(open, 0);
  t.strictSame(phaseOf(await scrape(metricsPort)), ['serving']);
});
