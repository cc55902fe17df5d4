import { setTimeout as sleep } from 'node:timers/promises';
import { newClient } from '../support/client.mjs';
import { createCluster } from '../support/cluster.mjs';
import { startReplica } from '../support/service.mjs';

const withinMs = 2000;

export default {
  name: 'probes/reasons',
  promise:
    '/readyz names its reason: starting, schema_behind, database, draining; /livez answers 200 all the while',
  needs: ['proc'],
  run,
};

async function run() {
  const cluster = await createCluster();
  await cluster.stop();
  const replica = await startReplica({
    databaseUrl: cluster.url(),
    env: { SHUTDOWN_DELAY_MS: '2000' },
    wait: false,
  });
  const changes = [];
  const until = async (expected, patience = withinMs) => {
    changes.push(`${expected} in ${Math.round(await waitFor(replica.origin, expected, patience))} ms`);
  };
  await until('starting', 20_000);
  await cluster.start();
  await until('ready', 20_000);
  const newest = '(SELECT name FROM pgmigrations ORDER BY name DESC LIMIT 1)';
  const [{ name }] = await cluster.ask(`DELETE FROM pgmigrations WHERE name = ${newest} RETURNING name`);
  await until('schema_behind');
  await cluster.ask('INSERT INTO pgmigrations (name, run_on) VALUES ($1, now())', { values: [name] });
  await until('ready');
  await cluster.stop('immediate');
  await until('database');
  await cluster.start();
  await until('ready');
  replica.child.kill('SIGTERM');
  await until('draining');
  const { code } = await replica.ended;
  if (code !== 0) throw new Error(`it ended with ${code}`);
  return { saw: changes.join(', '), figures: { changes } };
}

/** Resolves to the milliseconds it took; every answer of /livez meanwhile is 200. */
async function waitFor(origin, expected, patience) {
  const began = performance.now();
  let last;
  while (performance.now() - began < patience) {
    const client = newClient(origin, { patience: 2000 });
    const live = await client.send('GET', '/livez');
    last = await client.send('GET', '/readyz');
    client.close();
    const state = last.status === 200 ? 'ready' : last.body?.reason;
    const isListening = live.error !== 'ECONNREFUSED';
    if (isListening && live.status !== 200) throw new Error(`/livez: ${live.status ?? live.error}`);
    if (state === expected) {
      if (last.status !== 200) assertRefusal(last);
      return performance.now() - began;
    }
    await sleep(20);
  }
  throw new Error(`not ${expected} after ${patience} ms, but ${last.status} ${JSON.stringify(last.body)}`);
}

function assertRefusal({ status, retryAfter, body }) {
  const keys = Object.keys(body).join();
  if (
    status !== 503 ||
    retryAfter !== '1' ||
    keys !== 'detail,error_code,reason' ||
    body.error_code !== 'NOT_READY'
  )
    throw new Error(`/readyz: ${status} ${retryAfter} ${JSON.stringify(body)}`);
}
