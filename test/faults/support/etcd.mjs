import { chownSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { start as spawnProgram } from '../../../dist/embedded/command.js';
import { freePort } from '../../../scripts/processes.mjs';
import { own } from './belongings.mjs';

const patience = 60_000;

/** Starts etcd in this folder, as this account or as ourselves. Gives the address for its clients. */
export async function startEtcd(home, account) {
  const folder = path.join(home, 'etcd');
  mkdirSync(folder);
  if (account) chownSync(folder, account.uid, account.gid);
  const [client, peer] = [await freePort(), await freePort()].map((port) => `http://127.0.0.1:${port}`);
  const flags = {
    name: 'only',
    'data-dir': path.join(folder, 'data'),
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `only=${peer}`,
  };
  const output = path.join(folder, 'etcd.log');
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const child = spawnProgram('etcd', args, { account, cwd: folder, output: openSync(output, 'a') });
  own('process', child.pid);
  const deadline = performance.now() + patience;
  for (;;) {
    const answer = await fetch(`${client}/health`).catch(() => undefined);
    if ((await answer?.json())?.health === 'true') return new URL(client).host;
    if (child.exitCode !== null || performance.now() > deadline)
      throw new Error(`etcd did not start:\n${readFileSync(output, 'utf8').slice(-2000)}`);
    await sleep(100);
  }
}
