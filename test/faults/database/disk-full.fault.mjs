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
      // Registrations that fill the free room of a page at once
      load: { aboutLength: 1500 },
      inject: (at) => inject({ ...at, disk }),
      // The database can be asked, and tells most of the truth: nobody gains by taking every replica out of service
      expected: { readiness: 'stays' },
    });
  },
};

async function inject({ cluster, disk, short }) {
  const began = performance.now();
  disk.fill();
  await sleep(short ? 5000 : 10_000);
  disk.free();
  return [{ began, accepting: await cluster.untilAccepting() }];
}
