import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { accountFor } from '../../../dist/embedded/account.js';
import { start as spawnProgram } from '../../../dist/embedded/command.js';
import { freePort } from '../../../scripts/processes.mjs';
import { own, processesIn, signalAll } from './belongings.mjs';
import { startEtcd } from './etcd.mjs';
import { startHaproxy } from './haproxy.mjs';
import { folderOf, needsOf } from './postgres-programs.mjs';

const programs = ['postgres', 'initdb', 'pg_basebackup', 'pg_rewind', 'pg_ctl', 'pg_controldata'];

/** Programs that the cluster is made of, as `needs` of a fault. */
export const patroniNeeds = ['patroni', 'etcd', 'haproxy', 'proc', ...needsOf(programs)];

// Seconds. A leader that is gone is replaced once its lease has ended, so the outage is about ttl: Patroni's own 30 are
// for networks worse than loopback
const timing = { ttl: 8, loop_wait: 1, retry_timeout: 3 };
const patience = 120_000;

/**
 * Builds a cluster of two Postgres nodes under Patroni, with etcd and HAProxy, all on loopback and as an unprivileged user
 * when this is root. A commit waits for the standby.
 */
export async function createPatroniCluster() {
  const home = mkdtempSync(path.join(tmpdir(), 'gatehouse-patroni-'));
  own('folder', home);
  const account = accountFor(home);
  give(home, account);
  chmodSync(home, 0o755);
  const etcd = await startEtcd(home, account);
  const password = randomBytes(12).toString('hex');
  const nodes = [];
  for (const name of ['node1', 'node2']) {
    const ports = { postgres: await freePort(), rest: await freePort() };
    nodes.push(new Node({ name, home, account, ports, etcd, password }));
  }
  for (const node of nodes) node.start();
  const haproxy = await startHaproxy((port) => proxySections(port, nodes));
  const cluster = new PatroniCluster(nodes, haproxy, password);
  await cluster.untilWhole();
  return cluster;
}

// As docs/reliability.md has it, "Another leader"
function proxySections(port, nodes) {
  const servers = nodes.map(
    ({ name, ports }) => `  server ${name} 127.0.0.1:${ports.postgres} check port ${ports.rest}\n`,
  );
  return `
defaults
  mode tcp
  timeout connect 1s
  timeout check 1s
  timeout client 30m
  timeout server 30m

listen postgres
  bind 127.0.0.1:${port}
  option httpchk OPTIONS /primary
  http-check expect status 200
  default-server inter 500ms fall 2 rise 1 on-marked-down shutdown-sessions
${servers.join('')}`;
}

class PatroniCluster {
  constructor(nodes, haproxy, password) {
    Object.assign(this, { nodes, haproxy, password });
  }

  /** Of the leader, by HAProxy. */
  url(database = 'gatehouse') {
    return `postgres://postgres:${this.password}@127.0.0.1:${this.haproxy.port}/${database}`;
  }

  /** The rows that the leader gives. */
  ask(sql, database = 'gatehouse') {
    return ask(this.url(database), sql);
  }

  /** Waits until one node leads and the other follows without loss, and gives both. */
  async untilWhole() {
    const deadline = performance.now() + patience;
    for (;;) {
      const members = await this.#members();
      const leader = this.#nodeOf(members, ({ role }) => role === 'leader');
      const standby = this.#nodeOf(
        members,
        ({ role, state, lag }) => role !== 'leader' && ['running', 'streaming'].includes(state) && lag === 0,
      );
      if (leader && standby && (await this.#isReplicating(leader))) return { leader, standby };
      if (performance.now() > deadline)
        throw new Error(
          `the cluster is not whole:\n${JSON.stringify(members)}\n${this.nodes.map((node) => node.log().slice(-1500)).join('\n')}`,
        );
      await sleep(200);
    }
  }

  async #members() {
    for (const { ports } of this.nodes) {
      try {
        const answer = await fetch(`http://127.0.0.1:${ports.rest}/cluster`, {
          signal: AbortSignal.timeout(2000),
        });
        return (await answer.json()).members ?? [];
      } catch {
        // The other one may answer
      }
    }
    return [];
  }

  #nodeOf(members, matches) {
    const name = members.find(matches)?.name;
    return this.nodes.find((node) => node.name === name);
  }

  /** The standby has all that was committed, and commits wait for it. */
  async #isReplicating(leader) {
    try {
      const rows = await ask(leader.url('postgres'), 'SELECT state, sync_state FROM pg_stat_replication');
      return rows.some(({ state, sync_state }) => state === 'streaming' && sync_state === 'sync');
    } catch {
      return false;
    }
  }
}

class Node {
  #child;

  constructor(options) {
    Object.assign(this, options);
    this.folder = path.join(this.home, this.name);
    this.data = path.join(this.folder, 'data');
    mkdirSync(this.folder);
    give(this.folder, this.account);
    this.output = path.join(this.folder, 'patroni.log');
    writeFileSync(path.join(this.folder, 'patroni.yml'), JSON.stringify(this.#configuration()));
    give(path.join(this.folder, 'patroni.yml'), this.account);
    own('data', this.data);
  }

  url(database) {
    return `postgres://postgres:${this.password}@127.0.0.1:${this.ports.postgres}/${database}`;
  }

  log() {
    return readFileSync(this.output, 'utf8');
  }

  start() {
    this.#child = spawnProgram('patroni', [path.join(this.folder, 'patroni.yml')], {
      account: this.account,
      cwd: this.folder,
      output: openSync(this.output, 'a'),
    });
    own('process', this.#child.pid);
  }

  /** As when its machine is lost: Patroni and every process of Postgres, at once. */
  kill() {
    this.#child.kill('SIGKILL');
    signalAll(processesIn(this.data), 'SIGKILL');
  }

  // JSON is YAML
  #configuration() {
    const { name, folder, data, ports, etcd, password } = this;
    const rest = `127.0.0.1:${ports.rest}`;
    const address = `127.0.0.1:${ports.postgres}`;
    return {
      scope: 'gatehouse',
      name,
      restapi: { listen: rest, connect_address: rest },
      etcd3: { host: etcd },
      bootstrap: {
        dcs: {
          ...timing,
          synchronous_mode: true,
          postgresql: {
            use_pg_rewind: true,
            parameters: {
              max_connections: 60,
              wal_keep_size: '256MB',
              fsync: 'on',
              synchronous_commit: 'on',
            },
          },
        },
        initdb: [{ encoding: 'UTF8' }, 'data-checksums'],
      },
      postgresql: {
        listen: address,
        connect_address: address,
        data_dir: data,
        bin_dir: folderOf(programs),
        pgpass: path.join(folder, 'pgpass'),
        authentication: {
          superuser: { username: 'postgres', password },
          replication: { username: 'replicator', password },
        },
        parameters: { unix_socket_directories: '' },
        pg_hba: [
          'host all all 127.0.0.1/32 scram-sha-256',
          'host replication replicator 127.0.0.1/32 scram-sha-256',
        ],
        remove_data_directory_on_rewind_failure: true,
      },
    };
  }
}

function give(target, account) {
  if (account) chownSync(target, account.uid, account.gid);
}

async function ask(url, sql) {
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5000,
    query_timeout: 30_000,
  });
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query(sql)).rows;
  } finally {
    await client.end().catch(() => {});
  }
}
