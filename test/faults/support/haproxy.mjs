import { once } from 'node:events';
import { chmodSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { accountFor } from '../../../dist/embedded/account.js';
import { start as spawnProgram } from '../../../dist/embedded/command.js';
import { freePort } from '../../../scripts/processes.mjs';
import { own } from './belongings.mjs';

/**
 * Starts HAProxy with sections of configuration, on a free port of loopback, as an unprivileged user when this is root.
 *
 * @param {(port: number) => string} sections
 * @returns {Promise<{ port: number, log: () => string, stop: () => Promise<void> }>}
 */
export async function startHaproxy(sections) {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-haproxy-'));
  own('folder', folder);
  const port = await freePort();
  const file = path.join(folder, 'haproxy.cfg');
  const log = path.join(folder, 'haproxy.log');
  writeFileSync(file, sections(port));
  chmodSync(folder, 0o755);
  const child = spawnProgram('haproxy', ['-db', '-f', file], {
    account: accountFor(folder),
    cwd: folder,
    output: openSync(log, 'a'),
  });
  own('process', child.pid);
  const read = () => readFileSync(log, 'utf8');
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`HAProxy has ended:\n${read()}`);
    await sleep(20);
  }
  return {
    port,
    log: read,
    async stop() {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

// As docs/reliability.md has it, "Restarts"; what is not said there is the ports
const defaults = `
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 10s
  timeout http-keep-alive 60s
  timeout check 1s
  retries 2
  option redispatch
`;

/** The lines of docs/reliability.md, "Restarts", before so many replicas. */
export function balanced(origins) {
  const servers = origins.map(
    (origin, index) => `  server gatehouse-${index + 1} ${new URL(origin).host} check\n`,
  );
  return (port) => `${defaults}
frontend public
  bind 127.0.0.1:${port}
  default_backend gatehouse

backend gatehouse
  balance roundrobin
  option httpchk GET /readyz
  http-check expect status 200
  default-server inter 1s fall 2 rise 1
${servers.join('')}`;
}
