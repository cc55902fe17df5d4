import { setTimeout as sleep } from 'node:timers/promises';
import { probeFault } from '../support/probe-fault.mjs';

export default {
  name: 'probes/refused-connections',
  promise: 'The database has stopped: connections end, and new ones are refused',
  inShort: false,
  needs: ['proc'],
  run: (context) => probeFault({ ...context, inject, reason: 'database' }),
};

async function inject({ cluster, short }) {
  const began = Date.now();
  await cluster.stop('immediate');
  await sleep(short ? 3000 : 10_000);
  await cluster.start();
  return { began, ended: Date.now(), saw: 'the database was away' };
}
