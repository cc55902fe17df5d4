import { setTimeout as sleep } from 'node:timers/promises';
import { databaseFault } from '../support/database-fault.mjs';
import { mountSmallDisk } from '../support/small-disk.mjs';

export default {
  name: 'database/wal-disk-full',
  promise:
    'The disk of the write-ahead log is full for 10 s: Postgres panics, and is started once there is room again',
  inShort: false,
  needs: ['proc', 'tmpfs'],
  run: (context) => {
    const disk = mountSmallDisk(96);
    return databaseFault({
      ...context,
      cluster: { walFolder: disk.folder, settings: { max_wal_size: '64MB', min_wal_size: '32MB' } },
      inject: (at) => inject({ ...at, disk }),
    });
  },
};

async function inject({ cluster, disk, short, log }) {
  disk.fill();
  const operator = await cluster.connect();
  // To the end of the segments that were made in advance
  const rejection = await useUp(operator);
  const began = performance.now();
  await operator.end().catch(() => {});
  log(rejection.message);
  await sleep(short ? 4000 : 10_000);
  disk.free();
  // As whatever watches over it would; it may have ended, as it had no room to recover in
  if (!cluster.isRunning) await cluster.start({ wait: false });
  return [{ began, accepting: await cluster.untilAccepting() }];
}

/** Gives the error that ends it. */
async function useUp(operator) {
  try {
    for (;;) {
      await operator.query("SELECT pg_logical_emit_message(true, 'faults', 'something to write')");
      await operator.query('SELECT pg_switch_wal()');
    }
  } catch (error) {
    return error;
  }
}
