import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { accountFor } from '../../../dist/embedded/account.js';
import { findBinaries } from '../../../dist/embedded/binaries.js';
import { initialise, roleName } from '../../../dist/embedded/cluster.js';
import { start as spawnProgram } from '../../../dist/embedded/command.js';
import { systemShelters } from '../../../dist/embedded/shelter.js';
import { freePort } from '../../../scripts/processes.mjs';
import { own, processesIn, signalAll, sweep } from './belongings.mjs';
import { createData } from './postgres-programs.mjs';

const signals = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' };
const patience = 60_000;

/**
 * Creates a Postgres of the caller's own, with its durable settings (what is acknowledged is on the disk), and starts it.
 * It always listens on the same port, so that it can be stopped and started behind a service's back. As root it runs as
 * the unprivileged user that the embedded Postgres runs as.
 *
 * @param {{ folder?: string, walFolder?: string, settings?: Record<string, string>, network?: object, binaries?: object }} options `folder`
 *   is one to live in, such as a mount, and `walFolder` one for its write-ahead log; `network` is one of network.mjs, in
 *   which the server then runs; `binaries` are other programs than the embedded ones
 */
export async function createCluster({ folder, walFolder, settings = {}, network, binaries: given } = {}) {
  const home = realpathSync(folder ?? mkdtempSync(path.join(tmpdir(), 'gatehouse-cluster-')));
  if (!folder) own('folder', home);
  chmodSync(home, 0o711);
  const data = path.join(home, 'data');
  own('data', data);
  const account = accountFor(home);
  const binaries = given ?? (await findBinaries(account, systemShelters, () => {}));
  if (given) createData(home, data, given, account);
  const { password, synced } = await initialise({ home, data, binaries, account }, () => {});
  await synced;
  if (walFolder) moveWal(data, walFolder);
  const host = network?.address ?? '127.0.0.1';
  const port = await freePort();
  writeFileSync(path.join(data, 'pg_hba.conf'), hostRules);
  return new Cluster({ home, data, account, binaries, password, host, port, network, settings }).start();
}

function moveWal(data, folder) {
  const [from, to] = [path.join(data, 'pg_wal'), path.join(realpathSync(folder), 'pg_wal')];
  cpSync(from, to, { recursive: true });
  const { uid, gid } = statSync(from);
  for (const name of ['.', ...readdirSync(to, { recursive: true })]) chownSync(path.join(to, name), uid, gid);
  rmSync(from, { recursive: true });
  symlinkSync(to, from);
}

const hostRules = 'host all all all scram-sha-256\nhost replication all all scram-sha-256\n';

class Cluster {
  #at;
  #child;

  constructor(at) {
    this.#at = at;
  }

  /** Of a database, by default one that the service creates at its start. */
  url(database = 'gatehouse') {
    const { password, host, port } = this.#at;
    return `postgres://${roleName}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
  }

  get port() {
    return this.#at.port;
  }

  get isRunning() {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  log() {
    return readFileSync(path.join(tmpdir(), `${path.basename(this.#at.home)}.log`), 'utf8');
  }

  /** Starts the server, and waits until it accepts connections unless told not to. */
  async start({ wait = true } = {}) {
    const { data, account, binaries, host, port, network, settings } = this.#at;
    const all = { max_connections: '100', timezone: 'UTC', log_timezone: 'UTC', ...settings };
    const fixed = { port: String(port), listen_addresses: host, unix_socket_directories: '' };
    const args = Object.entries({ ...all, ...fixed }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    // Not in its home: that may be a disk that is to run full
    const log = path.join(tmpdir(), `${path.basename(this.#at.home)}.log`);
    own('folder', log);
    const output = openSync(log, 'a', 0o600);
    if (account) chownSync(log, account.uid, account.gid);
    const command = [binaries.postgres, '-D', data, ...args];
    this.#child = network
      ? network.start(command, { account, cwd: data, output })
      : spawnProgram(command[0], command.slice(1), { account, cwd: data, output });
    if (wait) await this.untilAccepting();
    return this;
  }

  /** Resolves, with the time, as soon as a new connection gets an answer. */
  async untilAccepting() {
    const deadline = performance.now() + patience;
    for (;;) {
      try {
        await this.ask('SELECT', { database: 'postgres', connectMs: 1000 });
        return performance.now();
      } catch (error) {
        if (!this.isRunning) throw new Error(`Postgres has ended:\n${this.log().slice(-3000)}`);
        if (performance.now() > deadline) throw error;
        await sleep(10);
      }
    }
  }

  /** @param {'smart' | 'fast' | 'immediate'} mode as of pg_ctl stop */
  async stop(mode = 'fast') {
    if (!this.isRunning) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill(signals[mode]);
    await ended;
    // After an immediate stop backends may be on their way out, and hold the shared memory
    while (processesIn(this.#at.data).length > 0) await sleep(2);
  }

  /** Nothing of it runs any more, and nobody is told: connections stay open, new ones are made and never answered. */
  pause() {
    signalAll(processesIn(this.#at.data), 'SIGSTOP');
  }

  resume() {
    signalAll(processesIn(this.#at.data).reverse(), 'SIGCONT');
  }

  /** Settings for all that run and start: ALTER SYSTEM. null resets one. */
  async configure(settings) {
    for (const [name, value] of Object.entries(settings)) {
      await this.ask(
        value === null ? `ALTER SYSTEM RESET ${name}` : `ALTER SYSTEM SET ${name} = '${value}'`,
        {
          database: 'postgres',
        },
      );
    }
    await this.ask('SELECT pg_reload_conf()', { database: 'postgres' });
  }

  /** The rows of one statement, over a connection of its own. */
  async ask(sql, { values = [], database = 'gatehouse', connectMs = 10_000 } = {}) {
    const client = await this.connect({ database, connectMs });
    try {
      return (await client.query(sql, values)).rows;
    } finally {
      await client.end().catch(() => {});
    }
  }

  /** A connection for the caller to end; one that breaks harms nobody. */
  async connect({ database = 'gatehouse', connectMs = 10_000 } = {}) {
    const client = new pg.Client({
      connectionString: this.url(database),
      application_name: 'faults',
      connectionTimeoutMillis: connectMs,
      query_timeout: 30_000,
      // Whatever is done to the others
      options: '-c default_transaction_read_only=off',
    });
    client.on('error', () => {});
    await client.connect();
    return client;
  }
}

process.on('exit', () => {
  if (!process.env.FAULT_BELONGINGS) sweep();
});
