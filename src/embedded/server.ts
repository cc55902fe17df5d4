import { chownSync, closeSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Cluster } from './cluster.ts';
import { cannotRun, run, start } from './command.ts';
import { EmbeddedPostgresError, useYourOwn } from './error.ts';
import { findPostmaster, forgetDeadPostmaster, type Postmaster } from './postmaster.ts';
import { isAlive, waitUntil } from './process.ts';

// Recovery after a crash reads the log since the last checkpoint: seconds, not minutes.
const startMilliseconds = 120_000;
const stopSeconds = 60;

/** Starts Postgres on a free port of 127.0.0.1 and waits until it takes connections. */
export async function startServer(cluster: Cluster, settings: Record<string, string>): Promise<Postmaster> {
  const deadline = performance.now() + 10_000;
  for (;;) {
    forgetDeadPostmaster(cluster.data);
    const result = await attempt(cluster, settings, await freePort());
    if (typeof result !== 'string') return result;
    // Somebody took the port just now; or a killed Postgres or its children are still on their way out.
    const passing = /Address already in use|postmaster\.pid" already exists|block .* is still in use/.test(
      result,
    );
    if (!passing || performance.now() > deadline) {
      throw new EmbeddedPostgresError(
        `Postgres did not start in ${cluster.home}`,
        `see below, or ${useYourOwn}`,
        result,
      );
    }
    await pause(50);
  }
}

/** Stops Postgres, rolling back what is open, and waits until its process is gone. */
export async function stopServer({ data, home, binaries, account }: Cluster): Promise<void> {
  const running = findPostmaster(data);
  if (!running) return;
  const args = ['stop', '-D', data, '-m', 'fast', '-w', '-t', String(stopSeconds)];
  const { output } = await run(binaries.pgCtl, args, { account, cwd: home, detached: true });
  if (await waitUntil(() => !isAlive(running.pid), 5_000)) return;
  const problem = `Postgres, process ${running.pid}, did not stop within ${stopSeconds} s`;
  throw new EmbeddedPostgresError(
    problem,
    `stop it by hand (kill -QUIT ${running.pid})`,
    output + readLog(home),
  );
}

/**
 * Waits until the Postgres that an earlier Gatehouse left behind takes connections.
 * Gives undefined when it is on its way out, and then waits for its end.
 */
export async function joinServer({ data, home }: Cluster): Promise<Postmaster | undefined> {
  const found = findPostmaster(data);
  if (!found) return undefined;
  const settled = () => {
    const status = findPostmaster(data)?.status;
    return status === undefined || status === 'ready';
  };
  if (await waitUntil(settled, startMilliseconds)) return findPostmaster(data);
  const problem = `Postgres, process ${found.pid}, neither works nor stops`;
  throw new EmbeddedPostgresError(problem, `stop it by hand (kill -QUIT ${found.pid})`, readLog(home));
}

/** One try: the running Postgres, or its log when it gave up. */
async function attempt(
  { home, data, binaries, account }: Cluster,
  settings: Record<string, string>,
  port: number,
): Promise<Postmaster | string> {
  const log = openLog(home);
  if (account) chownSync(path.join(home, 'postgres.log'), account.uid, account.gid);
  const all = { max_connections: '200', timezone: 'UTC', log_timezone: 'UTC', ...settings };
  const fixed = { port: String(port), listen_addresses: '127.0.0.1', unix_socket_directories: '' };
  const args = Object.entries({ ...all, ...fixed }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // What `pg_ctl start` does (a session of its own, so that Ctrl-C in the terminal spares it), without the shell
  // in between, which would read a `$` in the repository's path or in a setting.
  const child = start(binaries.postgres, ['-D', data, ...args], {
    account,
    cwd: home,
    detached: true,
    output: log,
  });
  closeSync(log);
  let failure: unknown;
  let ended = false;
  child.once('error', (error) => {
    failure = error;
    ended = true;
  });
  child.once('exit', () => {
    ended = true;
  });
  child.unref();
  let ready: Postmaster | undefined;
  await waitUntil(() => {
    const found = findPostmaster(data);
    if (found?.pid === child.pid && found?.status === 'ready') ready = found;
    return ended || ready !== undefined;
  }, startMilliseconds);
  if (failure) throw cannotRun(binaries.postgres, failure, account);
  if (!ready && !ended) child.kill('SIGINT');
  return ready ?? readLog(home);
}

/** A new log for each start; the one before it is kept. It is root's to make, in a folder that is root's. */
function openLog(home: string): number {
  const file = path.join(home, 'postgres.log');
  rmSync(`${file}.old`, { force: true });
  try {
    renameSync(file, `${file}.old`);
  } catch {
    // The first start.
  }
  return openSync(file, 'wx', 0o600);
}

function readLog(home: string): string {
  try {
    return readFileSync(path.join(home, 'postgres.log'), 'utf8');
  } catch {
    return '';
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  return await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
