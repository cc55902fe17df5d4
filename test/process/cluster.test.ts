import { Agent } from 'node:http';
import { connect } from 'node:net';
import { availableParallelism } from 'node:os';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { ask, isAlive, linesOf, listening, startCrew, until } from '../support/crew.ts';
import { freePort, post } from '../support/gatehouse-process.ts';
import { newPerson } from '../support/people.ts';

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: gatehouse\r\n\r\n`;

t.test('workers serve one database, which the primary has migrated once', async (t) => {
  const { gatehouse, origin, database } = await startCrew(t, { WEB_CONCURRENCY: '3' }, { empty: true });
  const workers = listening(gatehouse);
  t.notOk(workers.includes(gatehouse.child.pid ?? 0), 'the primary does not listen');
  const applied = linesOf(gatehouse, 'applied migration');
  t.equal(new Set(applied.map(({ msg }) => msg)).size, applied.length);
  t.ok(applied.length > 0 && applied.every(({ pid }) => pid === gatehouse.child.pid));

  const person = newPerson();
  t.equal((await post(origin, '/api/v1/register-user', person)).status, 201);
  const { email, password } = person;
  const login = await ask(origin, '/api/v1/auth/login', { body: { email, password } });
  let { refresh_token } = JSON.parse(login.body);
  const served = () =>
    new Set(
      gatehouse
        .logLines()
        .filter(({ route }) => route === '/api/v1/auth/refresh-token')
        .map(({ pid }) => pid),
    );
  // Each over a connection of its own, until each worker has had its turn
  const deadline = performance.now() + 20_000;
  while (served().size < 3 && performance.now() < deadline) {
    const [first, again] = await Promise.all([
      ask(origin, '/api/v1/auth/refresh-token', { body: { refresh_token } }),
      ask(origin, '/api/v1/auth/refresh-token', { body: { refresh_token } }),
    ]);
    t.strictSame([first.status, again.status], [200, 200]);
    const { refresh_token: next } = JSON.parse(first.body);
    t.equal(JSON.parse(again.body).refresh_token, next, 'one successor, whichever worker was asked');
    refresh_token = next;
  }
  t.equal(served().size, 3);
  const { rows } = await database.client.query('SELECT count(*)::int AS sessions FROM refreshaccesstokens');
  t.strictSame(rows, [{ sessions: 1 }]);
  gatehouse.child.kill('SIGTERM');
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  t.equal(gatehouse.stderr(), '');
});

t.test('a worker that is killed under load is replaced, and the others go on', async (t) => {
  const metricsPort = await freePort();
  const { gatehouse, origin } = await startCrew(t, { METRICS_PORT: String(metricsPort) });
  const [victim = 0, other = 0] = listening(gatehouse);
  const person = newPerson();
  t.equal((await post(origin, '/api/v1/register-user', person)).status, 201);
  const scrape = async () => (await ask(`http://127.0.0.1:${metricsPort}`, '/metrics')).body;
  const value = (exposition: string, series: string) =>
    Number(
      exposition
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.slice(series.length + 1),
    );
  const registered = 'gatehouse_registrations_total{outcome="succeeded"}';
  const before = await scrape();
  t.equal(value(before, 'gatehouse_workers'), 2);
  t.equal(value(before, registered), 1);
  t.equal(value(before, 'gatehouse_phase{phase="serving"}'), 2);
  const threads = Math.max(2, availableParallelism());
  t.equal(value(before, 'gatehouse_password_hash_threads'), threads, 'cores are divided');
  t.equal(
    value(before, 'gatehouse_build_info{version="0.1.0",node_version="'.concat(process.versions.node, '"}')),
    1,
  );

  const startedAt = value(before, 'process_start_time_seconds');
  t.ok(Math.abs(Date.now() / 1000 - startedAt) < 120, `${startedAt} is when the primary started`);

  let isOver = false;
  const seen: Record<string, number> = {};
  const client = async () => {
    while (!isOver) {
      const outcome = await ask(origin, '/.well-known/jwks.json').then(
        ({ status }) => String(status),
        (error: NodeJS.ErrnoException) => String(error.code),
      );
      seen[outcome] = (seen[outcome] ?? 0) + 1;
    }
  };
  const clients = Array.from({ length: 8 }, client);
  await sleep(300);
  process.kill(victim, 'SIGKILL');
  await until(() => listening(gatehouse).length === 3);
  await sleep(300);
  isOver = true;
  await Promise.all(clients);
  const { 200: answered = 0, ECONNRESET: reset = 0, ...rest } = seen;
  t.strictSame(rest, {});
  t.ok(answered > 50, `${answered} answered`);
  t.ok(reset <= 8, `${reset} reset: at most those that the killed one had at that moment`);
  t.match(linesOf(gatehouse, 'a worker ended'), [{ worker_pid: victim, signal: 'SIGKILL' }]);
  t.ok(isAlive(other));

  const after = await scrape();
  t.equal(value(after, registered), 1, 'what the killed one had counted is not lost');
  t.equal(value(after, 'gatehouse_workers'), 2);
  t.equal(value(after, 'gatehouse_workers_ended_total'), 1);
  t.equal(value(after, 'process_start_time_seconds'), startedAt, 'the service has not been restarted');
  t.equal(value(after, 'gatehouse_phase{phase="serving"}'), 2);
  gatehouse.child.kill('SIGTERM');
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
});

t.test('SIGTERM drains all workers, and no request is lost', async (t) => {
  const { gatehouse, origin } = await startCrew(t, { SHUTDOWN_DELAY_MS: '1500', HASH_MAX_WAIT_MS: '4500' });
  const workers = listening(gatehouse);
  const person = newPerson();
  t.equal((await post(origin, '/api/v1/register-user', person)).status, 201);
  const { email, password } = person;
  const paths = ['/.well-known/jwks.json', '/api/v1/auth/login'];
  // A load balancer that takes its time to notice, and then opens no connection any more
  let isClosed = false;
  let answered = 0;
  const failed: string[] = [];
  const client = async (path: string) => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    t.teardown(() => agent.destroy());
    for (let isOpen = false; isOpen || !isClosed; ) {
      const body = path.endsWith('login') ? { email, password } : undefined;
      const answer = await ask(origin, path, { agent, ...(body && { body }) }).catch((error) => error);
      if (answer.status === 200) answered += 1;
      else failed.push(`${path}: ${answer.status ?? answer.code}`);
      isOpen = answer.status !== undefined && !answer.isLast;
    }
  };
  const clients = Array.from({ length: 12 }, (_, index) => client(paths[index % 6 === 0 ? 1 : 0] ?? ''));
  await sleep(500);
  const began = performance.now();
  gatehouse.child.kill('SIGTERM');
  await until(async () => (await ask(origin, '/readyz')).status === 503);
  await sleep(began + 1200 - performance.now());
  isClosed = true;
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  await Promise.all(clients);
  t.strictSame(failed, []);
  t.ok(answered > 50, `${answered} answered`);
  const closed = linesOf(gatehouse, 'closed').map(({ pid }) => Number(pid));
  t.strictSame(closed.sort(), [...workers, gatehouse.child.pid].sort());
  t.equal(gatehouse.stderr(), '');
});

t.test('connections that no worker got round to accept are served before the end', async (t) => {
  const { gatehouse, port } = await startCrew(t);
  const pids = [...listening(gatehouse), gatehouse.child.pid ?? 0];
  for (const pid of pids) process.kill(pid, 'SIGSTOP');
  const answers = Array.from({ length: 40 }, async () => {
    const socket = connect(port, '127.0.0.1');
    socket.write(get('/livez'));
    return text(socket);
  });
  await sleep(200);
  gatehouse.child.kill('SIGTERM');
  for (const pid of pids) process.kill(pid, 'SIGCONT');
  const served = (await Promise.all(answers)).filter((answer) => answer.startsWith('HTTP/1.1 200'));
  t.equal(served.length, 40);
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
});

t.test('a Ctrl-C, which the terminal sends to all of them, drains', async (t) => {
  const { gatehouse, origin } = await startCrew(t, { SHUTDOWN_DELAY_MS: '2000' });
  const primary = gatehouse.child.pid ?? 0;
  // A primary that gets round to it late must not be taken for a second Ctrl-C
  process.kill(primary, 'SIGSTOP');
  for (const pid of [primary, ...listening(gatehouse)]) process.kill(pid, 'SIGINT');
  await sleep(900);
  process.kill(primary, 'SIGCONT');
  t.equal((await ask(origin, '/livez')).status, 200);
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  t.equal(linesOf(gatehouse, 'closed').length, 3);
});

t.test('a second signal ends all of them at once', async (t) => {
  const { gatehouse } = await startCrew(t, { SHUTDOWN_DELAY_MS: '60000' });
  const workers = listening(gatehouse);
  gatehouse.child.kill('SIGTERM');
  await until(() => linesOf(gatehouse, 'readiness is off').length === 3);
  await sleep(600);
  gatehouse.child.kill('SIGTERM');
  t.strictSame(await gatehouse.ended, { code: 1, signal: null });
  await until(() => !workers.some(isAlive));
});

t.test('workers do not outlive a primary that is killed', async (t) => {
  const { gatehouse } = await startCrew(t);
  const workers = listening(gatehouse);
  gatehouse.child.kill('SIGKILL');
  t.strictSame(await gatehouse.ended, { code: null, signal: 'SIGKILL' });
  await until(() => !workers.some(isAlive));
});
