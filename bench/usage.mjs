import { existsSync, readdirSync, readFileSync } from 'node:fs';

// Linux only. The scheduler's own account of each thread, in nanoseconds: what /proc/<pid>/stat says is in steps of ten
// milliseconds, and process.cpuUsage() would need code of ours within the measured process.

/** Whether this machine says what is to be read here: a kernel may be built without either. */
export function isReadable() {
  const here = `/proc/self/task/${process.pid}`;
  return existsSync(`${here}/schedstat`) && existsSync(`${here}/children`);
}

/** The processes that a process has started. */
export function childrenOf(pid) {
  return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
    (read(`/proc/${pid}/task/${thread}/children`) ?? '').split(' ').filter(Boolean).map(Number),
  );
}

/** The process and all that it has started. */
const familyOf = (pid) => [pid, ...childrenOf(pid).flatMap(familyOf)];

/** @returns {Map<string, number>} nanoseconds of CPU time by thread, of a process and all that it has started */
export function cpuTimes(pid) {
  const times = new Map();
  for (const member of familyOf(pid)) {
    for (const thread of readdirSync(`/proc/${member}/task`)) {
      const [nanoseconds] = read(`/proc/${member}/task/${thread}/schedstat`)?.split(' ') ?? [];
      if (nanoseconds !== undefined) times.set(thread, Number(nanoseconds));
    }
  }
  return times;
}

/** Microseconds of CPU time between two readings. What a thread that has ended meanwhile did is not in it. */
export function cpuMicrosBetween(before, after) {
  let nanoseconds = 0;
  for (const [thread, time] of after) nanoseconds += time - (before.get(thread) ?? 0);
  return nanoseconds / 1000;
}

/** Resident memory in MB (10^6 bytes) of a process and all that it has started; what they share counts for each. */
export function residentMegabytes(pid) {
  return familyOf(pid).reduce((sum, member) => sum + memoryOf(member, 'VmRSS'), 0);
}

/** The same at its highest since the start, each process at its own. */
export function peakMegabytes(pid) {
  return familyOf(pid).reduce((sum, member) => sum + memoryOf(member, 'VmHWM'), 0);
}

function memoryOf(pid, field) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  return (Number(kibibytes) * 1024) / 1e6;
}

/** Undefined when the thread has ended. */
function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
