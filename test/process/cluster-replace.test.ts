import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { ask, isAlive, linesOf, listening, startCrew, until } from '../support/crew.ts';
import { createDatabase } from '../support/database.ts';
import {
  emptyFolder,
  freePort,
  type Gatehouse,
  post,
  production,
  ready,
  run,
} from '../support/gatehouse-process.ts';
import { scrape, scrapeUntil } from '../support/metrics.ts';
import { bearer, newPerson } from '../support/people.ts';
import { fetchChecked } from '../support/watch.ts';

interface Holder {
  /** What holds workers before their program begins. */
  nodeOptions: string[];
  hold(): void;
  /** Resolves when so many have been held or let through. */
  forked(count: number): Promise<void>;
}

function holder(t: Test): Holder {
  const folder = emptyFolder(t);
  const [held, forked] = [join(folder, 'held'), join(folder, 'forked')];
  const hook = `
    import { appendFileSync, existsSync } from 'node:fs';
    import { isMainThread } from 'node:worker_threads';
    if (isMainThread && process.argv[1].endsWith('worker.js')) {
      appendFileSync(${JSON.stringify(forked)}, '.');
      while (existsSync(${JSON.stringify(held)})) await new Promise((resolve) => setTimeout(resolve, 20));
    }`;
  return {
    nodeOptions: ['--import', `data:text/javascript,${encodeURIComponent(hook)}`],
    hold: () => writeFileSync(held, ''),
    forked: (count) => until(() => existsSync(forked) && readFileSync(forked, 'utf8').length >= count),
  };
}

async function endOf(gatehouse: Gatehouse): Promise<{ code: number | null; ms: number }> {
  const began = performance.now();
  gatehouse.child.kill('SIGTERM');
  const { code } = await gatehouse.ended;
  return { code, ms: performance.now() - began };
}

t.test('SIGTERM at any time of the start ends all of it', async (t) => {
  const { url } = await createDatabase(t);
  for (const afterMs of [0, 150, 300, 500, 700, 1000, 1500]) {
    const { nodeOptions, forked } = holder(t);
    const env = production(url, await freePort(), { WEB_CONCURRENCY: '2' });
    const gatehouse = run(t, 'server.js', { env, nodeOptions });
    await forked(1);
    await sleep(afterMs);
    const { code, ms } = await endOf(gatehouse);
    t.equal(code, 0, `${afterMs} ms after the first worker was forked`);
    t.ok(ms < 5000, `${ms} ms`);
    t.equal(gatehouse.stderr(), '');
  }
});

t.test('a worker that does not hear yet is ended by a signal', async (t) => {
  const { url } = await createDatabase(t);
  const { nodeOptions, hold, forked } = holder(t);
  hold();
  const env = production(url, await freePort(), { WEB_CONCURRENCY: '2' });
  const gatehouse = run(t, 'server.js', { env, nodeOptions });
  await forked(1);
  const { code, ms } = await endOf(gatehouse);
  t.equal(code, 0);
  t.ok(ms < 5000, `${ms} ms`);
});

t.test('SIGTERM while the successor of a worker starts: the others drain, and it never serves', async (t) => {
  const { nodeOptions, hold, forked } = holder(t);
  const { gatehouse, origin } = await startCrew(t, { SHUTDOWN_DELAY_MS: '1500' }, { nodeOptions });
  const [victim = 0] = listening(gatehouse);
  hold();
  process.kill(victim, 'SIGKILL');
  await forked(3);
  const ended = endOf(gatehouse);
  await until(async () => (await ask(origin, '/readyz')).status === 503);
  t.equal((await ask(origin, '/.well-known/jwks.json')).status, 200, 'served for the delay');
  const { code, ms } = await ended;
  t.equal(code, 0);
  t.ok(ms >= 1500 && ms < 6000, `${ms} ms`);
  t.equal(listening(gatehouse).length, 2);
});

t.test('a worker that hangs is killed and replaced', async (t) => {
  const metricsPort = await freePort();
  const program = new URL('../support/impatient-primary.mjs', import.meta.url);
  const { gatehouse, origin } = await startCrew(t, { METRICS_PORT: String(metricsPort) }, { program });
  const [victim = 0, other = 0] = listening(gatehouse);
  // When everything has been stopped, nobody is late
  const all = [gatehouse.child.pid ?? 0, victim, other];
  for (const pid of all) process.kill(pid, 'SIGSTOP');
  await sleep(5000);
  for (const pid of all) process.kill(pid, 'SIGCONT');
  await sleep(1000);
  t.strictSame(linesOf(gatehouse, 'a worker'), []);

  process.kill(victim, 'SIGSTOP');
  await until(() => listening(gatehouse).length === 3);
  t.match(linesOf(gatehouse, 'a worker hangs'), [{ worker_pid: victim, level: 40 }]);
  t.match(linesOf(gatehouse, 'a worker ended'), [{ worker_pid: victim, signal: 'SIGKILL', pause_ms: 0 }]);
  const { series } = await scrape(metricsPort);
  t.equal(series.get('gatehouse_workers'), 2);
  t.equal(series.get('gatehouse_workers_ended_total'), 1);
  t.equal((await ask(origin, '/livez')).status, 200);
  t.equal((await endOf(gatehouse)).code, 0);
});

t.test('workers that end because they were told to are not among those that have ended', async (t) => {
  const metricsPort = await freePort();
  const { gatehouse, port } = await startCrew(t, { METRICS_PORT: String(metricsPort) });
  // Half a body, for which one worker waits while the other ends
  const head = ['POST /api/v1/auth/login HTTP/1.1', 'Host: gatehouse', 'Content-Type: application/json'];
  const socket = connect(port, '127.0.0.1').resume();
  socket.write(`${head.join('\r\n')}\r\nContent-Length: 100\r\n\r\n{`);
  await sleep(300);
  gatehouse.child.kill('SIGTERM');
  const { series } = await scrapeUntil(metricsPort, (found) => found.series.get('gatehouse_workers') === 1);
  t.equal(series.get('gatehouse_workers_ended_total'), 0);
  socket.destroy();
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
});

t.test('a worker that hangs while all drain is killed ten seconds after the delay', async (t) => {
  const { gatehouse } = await startCrew(t, { SHUTDOWN_DELAY_MS: '500' });
  const [victim = 0] = listening(gatehouse);
  process.kill(victim, 'SIGSTOP');
  const { code, ms } = await endOf(gatehouse);
  t.equal(code, 1);
  t.ok(ms >= 10_400 && ms < 11_900, `${ms} ms`);
  await until(() => !isAlive(victim));
});

t.test(
  'a worker that is replaced has the settings of those beside it, whatever .env says by then',
  async (t) => {
    const { url } = await createDatabase(t);
    const port = await freePort();
    const cwd = emptyFolder(t);
    const settings = production(url, port, { WEB_CONCURRENCY: '2' });
    const write = (given: Record<string, string>) =>
      writeFileSync(
        join(cwd, '.env'),
        Object.entries(given)
          .map(([name, value]) => `${name}=${value}\n`)
          .join(''),
      );
    write(settings);
    const gatehouse = run(t, 'server.js', { cwd });
    const origin = await ready(gatehouse, port);
    await until(() => listening(gatehouse).length === 2);
    const person = newPerson();
    await post(origin, '/api/v1/register-user', person);
    const { email, password } = person;
    const { body: tokens } = await post(origin, '/api/v1/auth/login', { email, password });

    const { WEB_CONCURRENCY, ...single } = settings;
    write({
      ...single,
      BCRYPT_COST: '4',
      SECRET_KEY: 'n0t-the-key-that-Tokens-were-signed-with!',
      TOKEN_ISSUER: 'other',
    });
    const [victim = 0] = listening(gatehouse);
    process.kill(victim, 'SIGKILL');
    await until(() => listening(gatehouse).length === 3);
    const successor = listening(gatehouse)[2];
    const served = () =>
      linesOf(gatehouse, 'request').some(({ pid, route }) => pid === successor && route === '/api/v1/me');
    while (!served()) {
      const answers = Array.from({ length: 8 }, () =>
        fetchChecked(`${origin}/api/v1/me`, {
          headers: { ...bearer(String(tokens['access_token'])), connection: 'close' },
        }),
      );
      for (const { status } of await Promise.all(answers)) t.equal(status, 200);
    }
    // The file is read by those who start
    rmSync(join(cwd, '.env'));
    t.equal((await endOf(gatehouse)).code, 0);
    t.equal(gatehouse.stderr(), '');
  },
);

t.test('what is the same for all workers is said once, by the primary', async (t) => {
  const metricsPort = await freePort();
  const { gatehouse } = await startCrew(t, { METRICS_PORT: String(metricsPort) }, { openFiles: 300 });
  const primary = gatehouse.child.pid;
  const [warning, ...more] = linesOf(gatehouse, 'CONNECTIONS_MAX');
  t.strictSame(more, []);
  t.match(warning, { pid: primary, level: 40, open_files: 300 });
  const { series } = await scrape(metricsPort);
  t.equal(series.get('gatehouse_http_connections_limit'), 2 * Number(warning?.['connections_max']));

  const keys = () => gatehouse.logLines().filter(({ event }) => event === 'crypt_keys_loaded');
  t.match(keys(), [{ pid: primary, level: 30, access: { signs: String }, refresh: { signs: String } }]);
  const [victim = 0] = listening(gatehouse);
  process.kill(victim, 'SIGKILL');
  await until(() => listening(gatehouse).length === 3);
  t.equal(keys().length, 1, 'they are those of its successor');
  t.equal((await endOf(gatehouse)).code, 0);
});
