import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import {
  emptyFolder,
  freePort,
  type Gatehouse,
  post,
  production,
  ready,
  run,
} from '../support/gatehouse-process.ts';
import { newPerson } from '../support/people.ts';

interface Crew {
  gatehouse: Gatehouse;
  origin: string;
  port: number;
  database: TestDatabase;
  env: Record<string, string>;
}

async function startCrew(
  t: Test,
  more: Record<string, string> = {},
  { empty = false, cwd = emptyFolder(t) } = {},
): Promise<Crew> {
  const database = await createDatabase(t, { empty });
  const port = await freePort();
  const env = production(database.url, port, { WEB_CONCURRENCY: '2', ...more });
  const gatehouse = run(t, 'server.js', { env, cwd });
  const origin = await ready(gatehouse, port);
  await until(() => listening(gatehouse).length === Number(env['WEB_CONCURRENCY']));
  return { gatehouse, port, database, env, origin };
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(20);
}

const linesOf = (gatehouse: Gatehouse, start: string) =>
  gatehouse.logLines().filter(({ msg }) => String(msg).startsWith(start));

/** The ids of the processes that have listened, in that order. */
const listening = (gatehouse: Gatehouse) => [
  ...new Set(linesOf(gatehouse, 'Server listening').map(({ pid }) => Number(pid))),
];

function isAlive(pid: number): boolean {
  try {
    // A process that has ended keeps its id until its parent has looked
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

interface Answer {
  status: number;
  isLast: boolean;
  body: string;
}

async function ask(
  origin: string,
  path: string,
  options: { agent?: Agent; body?: object } = {},
): Promise<Answer> {
  const { agent, body } = options;
  const outgoing = request(`${origin}${path}`, {
    agent: agent ?? false,
    method: body ? 'POST' : 'GET',
    headers: { 'content-type': 'application/json' },
  });
  outgoing.end(body && JSON.stringify(body));
  const [response] = await once(outgoing, 'response');
  const status = Number(response.statusCode);
  return { status, isLast: response.headers.connection === 'close', body: await text(response) };
}

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
  t.equal(
    value(before, 'gatehouse_build_info{version="0.1.0",node_version="'.concat(process.versions.node, '"}')),
    1,
  );

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

t.test('what keeps workers from starting is said once, and the exit code is 1', async (t) => {
  const { url } = await createDatabase(t);
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  t.teardown(() => taken.close());
  const { port } = taken.address() as { port: number };
  const wrong = new URL(url);
  wrong.password = 'not-the-password-at-all';
  const crew = { WEB_CONCURRENCY: '3' };
  const cases: [string, Record<string, string>, RegExp][] = [
    ['a port that is taken', production(url, port, crew), new RegExp(`: port ${port} is taken\\.`)],
    [
      'a file that is not there',
      production(url, await freePort(), { ...crew, PASSWORD_BLOCKLIST_FILE: 'there-is-none.txt' }),
      /^PASSWORD_BLOCKLIST_FILE: there-is-none\.txt cannot be read/,
    ],
    [
      'a setting',
      production(url, 0, { ...crew, BCRYPT_COST: '4' }),
      /\n {2}- BCRYPT_COST must be at least 10/,
    ],
    [
      'a metrics port that is taken',
      production(url, await freePort(), { ...crew, METRICS_PORT: String(port) }),
      new RegExp(`: port ${port} is taken\\.`),
    ],
    [
      'a wrong password',
      production(wrong.href, await freePort(), crew),
      /^The database cannot be reached: password/,
    ],
  ];
  for (const [name, env, message] of cases) {
    await t.test(name, async (t) => {
      const gatehouse = run(t, 'server.js', { env });
      t.strictSame(await gatehouse.ended, { code: 1, signal: null });
      t.match(gatehouse.stderr(), message);
      t.equal(gatehouse.stderr().match(new RegExp(message.source.replace('^', ''), 'g'))?.length, 1);
      t.ok(gatehouse.stderr().split('\n').length <= 3, 'and nothing else');
    });
  }
});

t.test(
  'workers that cannot be replaced any more end the whole, after a few attempts with pauses',
  async (t) => {
    const folder = emptyFolder(t);
    const file = join(folder, 'refused.txt');
    writeFileSync(file, 'correct horse battery staple\n');
    const { gatehouse } = await startCrew(t, { PASSWORD_BLOCKLIST_FILE: file });
    rmSync(file);
    // A folder cannot be read either
    mkdirSync(file);
    const [victim = 0] = listening(gatehouse);
    process.kill(victim, 'SIGKILL');
    t.strictSame(await gatehouse.ended, { code: 1, signal: null });
    t.match(gatehouse.stderr(), /^PASSWORD_BLOCKLIST_FILE: \S+ cannot be read[^\n]*\n$/, 'said once');
    const pauses = linesOf(gatehouse, 'a worker ended').map(({ pause_ms }) => Number(pause_ms));
    t.equal(pauses.length, 5);
    t.strictSame(
      pauses,
      [...pauses].sort((a, b) => a - b),
    );
    t.equal(linesOf(gatehouse, 'workers cannot start any more').length, 1);
  },
);

t.test('one process is no crew: nothing of it is loaded', async (t) => {
  for (const given of [{}, { WEB_CONCURRENCY: '1' }]) {
    const { url } = await createDatabase(t);
    const port = await freePort();
    const folder = emptyFolder(t);
    const list = join(folder, 'loaded.txt');
    const hooks = join(folder, 'hooks.mjs');
    writeFileSync(
      hooks,
      `import { appendFileSync } from 'node:fs';
       export async function load(url, context, next) {
         appendFileSync(${JSON.stringify(list)}, url + '\\n');
         return next(url, context);
       }`,
    );
    const register = `import { register } from 'node:module'; register(${JSON.stringify(`file://${hooks}`)});`;
    const gatehouse = run(t, 'server.js', {
      env: production(url, port, given),
      nodeOptions: ['--import', `data:text/javascript,${encodeURIComponent(register)}`],
    });
    await ready(gatehouse, port);
    t.strictSame(listening(gatehouse), [gatehouse.child.pid]);
    gatehouse.child.kill('SIGTERM');
    t.strictSame(await gatehouse.ended, { code: 0, signal: null });
    const loaded = readFileSync(list, 'utf8');
    t.match(loaded, 'dist/lifetime.js', 'the hook sees our modules');
    t.notMatch(loaded, /dist\/cluster|node:cluster/);
  }
});
