import { setTimeout as sleep } from 'node:timers/promises';
import { databaseFault } from '../support/database-fault.mjs';
import { mountSmallDisk } from '../support/small-disk.mjs';

export default {
  name: 'database/disk-full',
  promise: 'The disk of the tables is full for 10 s: what needs no room goes on',
  needs: ['proc', 'tmpfs'],
  run: (context) => {
    const disk = mountSmallDisk(200);
    return databaseFault({
      ...context,
      cluster: { folder: disk.folder, settings: { max_wal_size: '64MB', min_wal_size: '32MB' } },
      inject: (at) => inject({ ...at, disk }),
      // The database can be asked, and tells most of the truth: nobody gains by taking every replica out of service
      expected: { readiness: 'stays' },
    });
  },
};

async function inject({ cluster, disk, short }) {
  // A few new rows fill what a page may hold, so that they soon need a new one
  for (const table of ['users', 'refreshaccesstokens'])
    await cluster.ask(`ALTER TABLE ${table} SET (fillfactor = 10)`);
  const began = performance.now();
  disk.fill();
  await sleep(short ? 5000 : 10_000);
  disk.free();
  return [{ began, accepting: await cluster.untilAccepting() }];
}
