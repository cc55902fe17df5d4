import { setTimeout as sleep } from 'node:timers/promises';
import { databaseFault } from '../support/database-fault.mjs';

const maxConnections = 30;

export default {
  name: 'database/max-connections',
  promise:
    'Others take every connection that max_connections allows, for 10 s, and the service loses all of its own',
  inShort: false,
  needs: ['proc'],
  run: (context) =>
    databaseFault({ ...context, cluster: { settings: { max_connections: String(maxConnections) } }, inject }),
};

async function inject({ cluster, short }) {
  const operator = await cluster.connect();
  const began = performance.now();
  const others = [];
  while (others.length < maxConnections - 1) {
    await operator.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'gatehouse%'",
    );
    others.push(...(await takeAll(cluster, maxConnections - 1 - others.length)));
  }
  await sleep(short ? 4000 : 10_000);
  await Promise.all(others.map((each) => each.end()));
  await operator.end();
  return [{ began, accepting: await cluster.untilAccepting() }];
}

/** As many connections as there are to be had, of so many. */
async function takeAll(cluster, count) {
  const attempts = await Promise.allSettled(Array.from({ length: count }, () => cluster.connect()));
  return attempts.flatMap(({ value }) => value ?? []);
}
