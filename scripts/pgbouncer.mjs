import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { accountFor } from '../dist/embedded/account.js';
import { start } from '../dist/embedded/command.js';
import { roleSettings } from './pooled-role.mjs';
import { freePort, stop } from './processes.mjs';

/**
 * Starts PgBouncer in transaction mode before a Postgres, and creates the role that the service is to use, with the settings
 * that docs/operations.md asks for. Both go with `stop`. Roles that tests create are let in with their own passwords.
 *
 * @param {{ serverUrl: string, role: string, poolSize?: number, own?: (kind: 'folder' | 'process', name: string | number) => void }} options
 *   `serverUrl` is of a superuser; the pool is as large as those of two replicas; `own` hears of the folder and of each process
 *   as soon as it is there
 * @returns {Promise<{ url: string, kill: () => Promise<void>, start: () => Promise<void>, stop: () => Promise<void> }>}
 *   `url` is of the server's own database, with the new role; after `kill`, `start`
 *   starts it again
 */
export async function startPgbouncer({ serverUrl, role, poolSize = 20, own = () => {} }) {
  const password = randomBytes(16).toString('hex');
  await createRole(serverUrl, role, password);
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-pgbouncer-'));
  own('folder', folder);
  const port = await freePort();
  const account = accountFor(folder);
  const files = configuration({ serverUrl, role, password, folder, port, poolSize });
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(path.join(folder, name), text, { mode: 0o600 });
    if (account) chownSync(path.join(folder, name), account.uid, account.gid);
  }
  if (account) chownSync(folder, account.uid, account.gid);
  else chmodSync(folder, 0o700);

  const url = Object.assign(new URL(serverUrl), {
    hostname: '127.0.0.1',
    port,
    username: role,
    password,
  }).href;
  let child;
  const pooler = {
    url,
    async start() {
      child = launch(folder, account);
      // It has none when it could not be started
      if (child.pid !== undefined) own('process', child.pid);
      await untilServing(child, url, path.join(folder, 'pgbouncer.log'));
    },
    async kill() {
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      await stop(child);
      await remove();
    },
  };
  async function remove() {
    rmSync(folder, { recursive: true });
    await ask(serverUrl, `DROP ROLE ${role}`);
  }
  try {
    await pooler.start();
  } catch (error) {
    await remove();
    throw error;
  }
  return pooler;
}

function launch(folder, account) {
  const child = start('pgbouncer', [path.join(folder, 'pgbouncer.ini')], { account, cwd: folder });
  // It writes to its log file too
  child.stdout.resume();
  child.stderr.resume();
  return child;
}

async function untilServing(child, url, log) {
  const failed = once(child, 'error').then(([error]) => error.message);
  const ended = once(child, 'exit').then(([code]) => `it ended with code ${code}`);
  const problem = await Promise.race([failed, ended, untilAnswering(url)]);
  if (problem === undefined) return;
  const said = problem.includes('ENOENT') ? '' : readFileSync(log, 'utf8');
  throw new Error(`PgBouncer did not start: ${problem}\n${said}`);
}

/** With all that the owner of the tables may do, and with the settings that the service cannot send through a pooler. */
async function createRole(serverUrl, role, password) {
  const owner = decodeURIComponent(new URL(serverUrl).username);
  await ask(
    serverUrl,
    `CREATE ROLE ${role} LOGIN PASSWORD '${password}' IN ROLE ${pg.escapeIdentifier(owner)};
     ${roleSettings(role)}`,
  );
}

function configuration({ serverUrl, role, password, folder, port, poolSize }) {
  const server = new URL(serverUrl);
  const owner = decodeURIComponent(server.username);
  const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
  const users = { [owner]: decodeURIComponent(server.password), [role]: password };
  return {
    'users.txt': Object.entries(users)
      .map(([user, secret]) => `${quoted(user)} ${quoted(secret)}\n`)
      .join(''),
    'pgbouncer.ini': `[databases]
* = host=${server.hostname} port=${server.port || 5432}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
logfile = ${path.join(folder, 'pgbouncer.log')}
pool_mode = transaction
default_pool_size = ${poolSize}
max_client_conn = 2000
server_idle_timeout = 5
server_login_retry = 0.5
auth_type = scram-sha-256
auth_file = ${path.join(folder, 'users.txt')}
auth_user = ${owner}
admin_users = ${role}
`,
  };
}

async function untilAnswering(url) {
  for (;;) {
    try {
      await ask(url, 'SELECT 1');
      return undefined;
    } catch (error) {
      if (error.code !== 'ECONNREFUSED') return error.message;
      await sleep(50);
    }
  }
}

async function ask(url, sql) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(sql);
  await client.end();
}
