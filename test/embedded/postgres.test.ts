import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import t, { type Test } from 'tap';
import { EmbeddedPostgresError } from '../../src/embedded/error.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/embedded/postgres.ts';
import { isAlive, waitUntil } from '../../src/embedded/process.ts';

const holder = fileURLToPath(new URL('../support/embedded-holder.ts', import.meta.url));

function folder(t: Test): string {
  const made = mkdtempSync(path.join(tmpdir(), 'gatehouse-embedded-'));
  // Under root, Postgres runs as another user, who must be able to enter
  chmodSync(made, 0o711);
  t.teardown(() => rmSync(made, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 }));
  return path.join(made, 'postgres');
}

async function startIn(t: Test, directory: string): Promise<EmbeddedPostgres> {
  const postgres = await startEmbeddedPostgres({ directory });
  t.teardown(() => postgres.stop());
  return postgres;
}

async function query<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {});
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}

function pidFile(directory: string): string[] {
  return readFileSync(path.join(directory, 'data', 'postmaster.pid'), 'utf8').split('\n');
}

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

const postmasterPid = (directory: string) => Number(pidFile(directory)[0]);

/** A process that starts Postgres in `directory`, prints its URL and stays. */
function launch(directory: string): ChildProcess {
  return spawn(process.execPath, [...process.execArgv, holder, directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function launchAndWait(directory: string): Promise<{ child: ChildProcess; url: string }> {
  const child = launch(directory);
  if (!child.stdout) throw new Error('no output');
  const [url] = await once(createInterface(child.stdout), 'line');
  return { child, url };
}

async function kill(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const exit = once(child, 'exit');
  child.kill(signal);
  await exit;
}

// initdb is slow, so most tests share one directory
const directory = folder(t);

t.test('keeps its data from one start to the next, and leaves no process', async (t) => {
  const messages: string[] = [];
  const first = await startEmbeddedPostgres({ directory, onProgress: (message) => messages.push(message) });
  t.teardown(() => first.stop());
  t.match(messages.join(), 'Creating a database');
  await query(first.url, "CREATE TABLE kept AS SELECT 'é' AS word");
  const pid = postmasterPid(directory);
  await Promise.all([first.stop(), first.stop()]);
  t.notOk(isAlive(pid), 'stopped');

  const second = await startIn(t, directory);
  t.strictSame(await query(second.url, 'SELECT word FROM kept'), [{ word: 'é' }]);
  const [settings] = await query(
    second.url,
    `SELECT current_user AS role, current_database() AS name, pg_encoding_to_char(encoding) AS encoding,
      datlocprovider::text || ':' || datlocale AS locale, current_setting('TimeZone') AS zone,
      current_setting('max_connections') AS connections, current_setting('listen_addresses') AS addresses,
      current_setting('unix_socket_directories') AS sockets, current_setting('fsync') AS fsync,
      current_setting('password_encryption') AS passwords
      FROM pg_database WHERE datname = current_database()`,
  );
  t.strictSame(settings, {
    role: 'gatehouse',
    name: 'gatehouse',
    encoding: 'UTF8',
    locale: 'b:C.UTF-8',
    zone: 'UTC',
    connections: '200',
    addresses: '127.0.0.1',
    sockets: '',
    fsync: 'on',
    passwords: 'scram-sha-256',
  });
  t.equal(statSync(path.join(directory, 'password')).mode & 0o777, 0o600, 'the password is private');
  const wrong = new URL(second.url);
  wrong.password = 'wrong';
  await t.rejects(query(wrong.href, 'SELECT 1'), { code: '28P01' });
});

t.test('comes back after Postgres was killed, its process id being used by somebody else', async (t) => {
  const first = await startEmbeddedPostgres({ directory });
  await query(first.url, 'CREATE TABLE crash (); INSERT INTO crash DEFAULT VALUES');
  const pid = postmasterPid(directory);
  process.kill(pid, 'SIGKILL');
  await waitUntil(() => !isAlive(pid), 5_000);
  await first.stop();
  const file = path.join(directory, 'data', 'postmaster.pid');
  writeFileSync(file, [process.pid, ...pidFile(directory).slice(1)].join('\n'));

  const second = await startIn(t, directory);
  t.equal((await query(second.url, 'SELECT FROM crash')).length, 1);
});

t.test('takes over the Postgres of a Gatehouse that was killed', async (t) => {
  const { child, url } = await launchAndWait(directory);
  const pid = postmasterPid(directory);
  await kill(child, 'SIGKILL');
  t.ok(isAlive(pid), 'Postgres outlives it');

  const adopted = await startIn(t, directory);
  t.equal(adopted.url, url);
  t.equal(postmasterPid(directory), pid, 'the same Postgres');
  await adopted.stop();
  t.ok(await waitUntil(() => !isAlive(pid), 1_000), 'stopped by its new owner');
});

t.test('starts after the Gatehouse and its Postgres were both killed', async (t) => {
  const { child, url } = await launchAndWait(directory);
  await query(url, 'CREATE TABLE killed ()');
  const pid = postmasterPid(directory);
  await kill(child, 'SIGKILL');
  process.kill(pid, 'SIGKILL');

  const { url: again } = await startIn(t, directory);
  t.strictSame(await query(again, 'SELECT FROM killed'), []);
});

t.test('refuses a directory that a living process uses', async (t) => {
  const { child, url } = await launchAndWait(directory);
  const refusal = await startEmbeddedPostgres({ directory }).catch((error: unknown) => error);
  t.ok(refusal instanceof EmbeddedPostgresError);
  t.match(String(refusal), `another Gatehouse, process ${child.pid}`);
  t.match(String(refusal), `kill ${child.pid}`);
  t.match(String(refusal), 'DATABASE_URL');
  t.strictSame(await query(url, 'SELECT 1 AS one'), [{ one: 1 }], 'and leaves it alone');
  await kill(child, 'SIGTERM');

  // A living process has the id of the dead owner, but another time of birth
  writeFileSync(path.join(directory, 'owner.json'), JSON.stringify({ pid: process.ppid, birth: 'other' }));
  const { stop } = await startIn(t, directory);
  await t.rejects(startEmbeddedPostgres({ directory }), /this very process/);
  await stop();
});

t.test('serves two directories at once', async (t) => {
  const [one, two] = await Promise.all([startIn(t, directory), startIn(t, folder(t))]);
  await query(one.url, 'CREATE TABLE only_here ()');
  await t.rejects(query(two.url, 'SELECT FROM only_here'), { code: '42P01' });
});

t.test('recovers from an initialisation that was killed midway', async (t) => {
  const directory = folder(t);
  const child = launch(directory);
  const begun = () => namesIn(directory).some((name) => name.startsWith('initialising-'));
  t.ok(await waitUntil(begun, 10_000));
  await kill(child, 'SIGKILL');
  const { url } = await startIn(t, directory);
  t.strictSame(await query(url, 'SELECT 1 AS one'), [{ one: 1 }]);
});

t.test('says what went wrong, with the end of the log', async (t) => {
  const settings = { shared_buffers: "no 'such' $(size)" };
  const failure = await startEmbeddedPostgres({ directory, settings }).catch((error: unknown) => error);
  t.ok(failure instanceof EmbeddedPostgresError);
  t.match(String(failure), "no 'such' $(size)", 'the log is quoted, and no shell has read the setting');
  const { url } = await startIn(t, directory);
  t.ok(url, 'and the directory is free again');
});
