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

/**
 * How many bytes each of these connections has in the buffers of the system, of what the server has written and its client
 * not read: NaN of one that is gone. Both ends are on this machine.
 *
 * @param {number} port of the server
 * @param {import('node:net').Socket[]} sockets of clients that read nothing
 */
export function bufferedBytes(port, sockets) {
  const queues = new Map();
  for (const [local, remote, state, sending, receiving] of tcpTable()) {
    const isOpen = state === established;
    if (isOpen && local === port) queues.set(`to ${remote}`, sending);
    if (isOpen && remote === port) queues.set(`at ${local}`, receiving);
  }
  return sockets.map(
    ({ localPort, bytesRead }) =>
      (queues.get(`to ${localPort}`) ?? Number.NaN) +
      (queues.get(`at ${localPort}`) ?? Number.NaN) +
      bytesRead,
  );
}

// proc(5), net/tcp
const established = '01';

function tcpTable() {
  const hexadecimal = (text) => Number.parseInt(text, 16);
  const [, ...lines] = readFileSync('/proc/net/tcp', 'utf8').trim().split('\n');
  return lines.map((line) => {
    const [, local, remote, state, queues] = line.trim().split(/\s+/);
    const [local_, remote_] = [local, remote].map((address) => hexadecimal(address.split(':')[1]));
    return [local_, remote_, state, ...queues.split(':').map(hexadecimal)];
  });
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
