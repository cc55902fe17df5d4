import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * What a process holds: `rssMb`, file descriptors, and its sockets by the port that they lead to or that it listens on.
 * Undefined where there is no /proc.
 */
export function usageOf(pid) {
  try {
    const rssMb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
    const links = readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${fd}`)];
      } catch {
        return [];
      }
    });
    const inodes = new Set(links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []));
    return {
      rssMb,
      descriptors: links.length,
      sockets: inodes.size,
      socketsTo: socketsByRemotePort(pid, inodes),
    };
  } catch {
    return undefined;
  }
}

function socketsByRemotePort(pid, inodes) {
  const counts = {};
  for (const file of ['tcp', 'tcp6']) {
    const [, ...lines] = readFileSync(`/proc/${pid}/net/${file}`, 'utf8').trim().split('\n');
    for (const line of lines) {
      const [, , remote, , , , , , , inode] = line.trim().split(/\s+/);
      if (!inodes.has(inode)) continue;
      const port = Number.parseInt(remote.split(':')[1], 16);
      counts[port] = (counts[port] ?? 0) + 1;
    }
  }
  return counts;
}

/** The value below which this share of all lies; NaN of none. */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length === 0
    ? Number.NaN
    : sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}

/** { "me 200": 812, "login 503 DATABASE_UNAVAILABLE": 3 }, the most frequent first. */
export function tally(entries, nameOf) {
  const counts = new Map();
  for (const entry of entries) counts.set(nameOf(entry), (counts.get(nameOf(entry)) ?? 0) + 1);
  return Object.fromEntries([...counts].sort((a, b) => b[1] - a[1]));
}
