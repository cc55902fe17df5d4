import { seeded } from './random.mjs';

// Quarters of an hour: in shorter times there are so few logins of the sample that chance makes the busiest
const quarterSeconds = 900;
const quarters = 86_400 / quarterSeconds;
// Each stands for as many as there are users to one of them
const sampled = 200_000;

/**
 * A day of some users, by quarters of an hour: each comes at some times of the day, stays for a while, asks for itself at a steady
 * pace, and refreshes when its access token is older than it may be. The first visit of some is a login.
 *
 * @returns {{ me: Float64Array, refresh: Float64Array, login: Float64Array }} a second, by the quarter
 */
export function simulateDay({ people: crowd, seed = 1 }) {
  const random = seeded(seed);
  const scale = (crowd.users * crowd.activeShare) / sampled;
  const day = {
    me: new Float64Array(quarters),
    refresh: new Float64Array(quarters),
    login: new Float64Array(quarters),
  };
  const note = (kind, second, times) => {
    day[kind][Math.floor(second / quarterSeconds) % quarters] += (times * scale) / quarterSeconds;
  };
  const startOf = starts(crowd.visits, random);
  for (let person = 0; person < sampled; person++) {
    const visits = Array.from({ length: crowd.visitsPerDay }, startOf).sort((a, b) => a - b);
    let tokenEnds = Number.NEGATIVE_INFINITY;
    let logsIn = random() < crowd.loginShare;
    for (const start of visits) {
      const end = start - Math.log(1 - random()) * crowd.visitMinutes * 60;
      for (let second = Math.max(start, tokenEnds); second < end; second += crowd.accessTokenSeconds) {
        note(logsIn ? 'login' : 'refresh', second, 1);
        logsIn = false;
        tokenEnds = second + crowd.accessTokenSeconds;
      }
      for (let second = start; second < end; second += 60) {
        note('me', second, Math.min(60, end - second) / crowd.meSecondsApart);
      }
    }
  }
  return day;
}

/** The seconds of the day at which visits begin: the hours as often as they are said to, each minute of one alike. */
function starts(hours, random) {
  const total = hours.reduce((sum, weight) => sum + weight, 0);
  return () => {
    let left = random() * total;
    const hour = hours.findIndex((weight) => {
      left -= weight;
      return left < 0;
    });
    return (Math.max(0, hour) + random()) * 3600;
  };
}

/** What a moment's requests take of each resource. */
export function demandOf({ me, refresh, login }, inputs) {
  const { measured, people, planning } = inputs;
  const cores = (micros) => (me * micros.me + refresh * micros.refresh + login * micros.login) / 1e6;
  return {
    eventLoops: cores(measured.service),
    hashThreads: (login * people.hashesPerLogin * measured.hashMs) / 1000 / measured.hashShare,
    postgres: cores(measured.server),
    wal: walOf({ refresh, login }, inputs, planning.checkpointSeconds),
  };
}

/** Megabytes of log a second. Those changes write a whole page that are the first of it since a checkpoint. */
function walOf({ refresh, login }, { measured, people }, checkpointSeconds) {
  const pages = (people.users * people.sessionsPerUser * measured.bytes.sessionRow) / 8192;
  const bytesOf = (rate, { withPages, withoutPages }) => {
    const changes = rate * checkpointSeconds;
    const first = changes === 0 ? 0 : (pages * (1 - Math.exp(-changes / pages))) / changes;
    return rate * (first * withPages + (1 - first) * withoutPages);
  };
  return (bytesOf(refresh, measured.wal.refresh) + bytesOf(login, measured.wal.login)) / 1e6;
}

// checkpoint_completion_target is 0.9: Postgres begins a checkpoint so early that this one and the one before fit
const checkpointsInMaxWalSize = 1.9;

/** The megabytes of `max_wal_size` with which checkpoints still come by the clock. */
export const maxWalSizeFor = (wal, seconds) => wal * seconds * checkpointsInMaxWalSize;

/** How far checkpoints are apart with a `max_wal_size`, in megabytes, and the log that is written then. */
export function logWith(maxWalSize, rates, inputs) {
  let seconds = inputs.planning.checkpointSeconds;
  // The closer they are, the more is written, and the closer they come: until neither changes
  for (let turn = 0; turn < 100; turn++) {
    const wal = walOf(rates, inputs, seconds);
    seconds = Math.min(inputs.planning.checkpointSeconds, maxWalSize / wal / checkpointsInMaxWalSize);
  }
  return { seconds, wal: walOf(rates, inputs, seconds) };
}

/** What each resource takes in its busiest quarter. */
function peaksOf(day, inputs) {
  const demands = Array.from(day.me, (_, quarter) => demandOf(at(day, quarter), inputs));
  return Object.keys(demands[0]).map((name) => {
    const quarter = demands.reduce(
      (most, each, index) => (each[name] > demands[most][name] ? index : most),
      0,
    );
    return { name, quarter, peak: demands[quarter][name], rates: at(day, quarter) };
  });
}

/** The replicas and the Postgres that the busiest quarters call for, and what may be used of them. */
export function capacityFor(day, inputs) {
  const { planning } = inputs;
  const peak = Object.fromEntries(peaksOf(day, inputs).map((each) => [each.name, each.peak]));
  const forHashes = Math.ceil(peak.hashThreads / planning.hashThreadsPerReplica);
  const forLoops = Math.ceil(peak.eventLoops / planning.eventLoopShare);
  const needed = Math.max(forHashes, forLoops);
  const postgresCores = planning.postgresCores.find(
    (cores) => cores * planning.postgresShare >= peak.postgres,
  );
  if (postgresCores === undefined) throw new Error('no Postgres has so many cores');
  return {
    forHashes,
    forLoops,
    replicas: needed + planning.spareReplicas,
    postgresCores,
    // With as many replicas missing as may be
    planned: {
      eventLoops: needed * planning.eventLoopShare,
      hashThreads: needed * planning.hashThreadsPerReplica,
      postgres: postgresCores * planning.postgresShare,
      wal: planning.wal.megabytesPerSecond * planning.wal.share,
    },
  };
}

/** Every resource with its busiest quarter, the nearest to its limit first. */
export function limitsOf(day, inputs, { planned } = capacityFor(day, inputs)) {
  return peaksOf(day, inputs)
    .map((each) => ({ ...each, planned: planned[each.name], share: each.peak / planned[each.name] }))
    .sort((a, b) => b.share - a.share);
}

const at = (day, quarter) => ({
  me: day.me[quarter],
  refresh: day.refresh[quarter],
  login: day.login[quarter],
});
