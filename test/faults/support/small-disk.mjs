import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { own } from './belongings.mjs';

/** A file system of its own with so many megabytes. Needs root. */
export function mountSmallDisk(megabytes) {
  const folder = mkdtempSync(path.join(tmpdir(), 'gatehouse-disk-'));
  own('folder', folder);
  own('mount', folder);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=711`, 'none', folder]);
  const filler = path.join(folder, 'filler');
  return {
    folder,
    /** Leaves no room at all. */
    fill() {
      const file = openSync(filler, 'a');
      for (let size = 1 << 20; size >= 512; ) {
        try {
          writeSync(file, Buffer.alloc(size));
        } catch (error) {
          if (error.code !== 'ENOSPC') throw error;
          size /= 2;
        }
      }
      closeSync(file);
    },
    free: () => rmSync(filler, { force: true }),
  };
}
