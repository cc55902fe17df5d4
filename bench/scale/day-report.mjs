import { capacityFor, demandOf, limitsOf, logWith, maxWalSizeFor, simulateDay } from './day.mjs';
import { measured, people, planning } from './day-inputs.mjs';
import { table } from './markdown.mjs';

const whole = (value) => Math.round(value).toLocaleString('en');
const tenths = (value) => value.toFixed(1);
const gigabytes = (bytes) => `${whole(bytes / 1e9)} GB`;

/** The parts of docs/scaling.md that are reckoned, in Markdown: what it starts from, what it comes to, the day, and its limits. */
export function renderDay(inputs = { measured, people, planning }) {
  const day = simulateDay(inputs);
  const capacity = capacityFor(day, inputs);
  const limits = limitsOf(day, inputs, capacity);
  return {
    inputs: inputsOf(inputs),
    arithmetic: arithmetic(day, inputs, capacity, limits),
    hours: hours(day, inputs),
    limits: limitsTable(limits),
  };
}

function inputsOf({ measured: { from, service, server, hashMs, hashShare } }) {
  return table(
    ['of a core, µs', '', 'from'],
    [
      ['`GET /api/v1/me`: service', service.me, from.bench],
      ['`GET /api/v1/me`: Postgres', server.me, from.scale],
      ['refresh: service', service.refresh, from.bench],
      ['refresh: Postgres', server.refresh, from.scale],
      ['login: service, without the hash', service.login, 'estimated: two statements, one pair of tokens'],
      ['login: Postgres', server.login, `${from.scale}: both statements`],
      ['one hash at cost 12, native engine', whole(hashMs * 1000), from.bench],
      ['what logins make of the hash threads', `${whole(hashShare * 100)} %`, from.bench],
    ],
  );
}

function arithmetic(day, inputs, capacity, limits) {
  const { measured: cost, people: crowd, planning: plan } = inputs;
  const { service, server, bytes } = cost;
  const { eventLoops, hashThreads, postgres, wal } = Object.fromEntries(
    limits.map((each) => [each.name, each]),
  );
  const sum = (micros) => `(me × ${micros.me} + refresh × ${micros.refresh} + login × ${micros.login}) / 10⁶`;
  const sessions = crowd.users * crowd.sessionsPerUser;
  const perProcess = plan.poolSize + plan.connectionsBesidesPool;
  const connections = (capacity.replicas + 1) * perProcess + plan.connectionsOfOthers;
  const tables = crowd.users * bytes.user + sessions * bytes.session;
  const growth =
    (crowd.users * bytes.userRandomIndexes + sessions * bytes.sessionRandomIndexes) *
    (plan.randomIndexGrowth - 1);
  const indexes = crowd.users * bytes.userIndexes + sessions * bytes.sessionIndexes + growth;
  const clients = Math.max(...day.me) * crowd.meSecondsApart;
  const hourly = Math.max(...crowd.visits) / crowd.visits.reduce((total, each) => total + each, 0);
  const visits = (crowd.users * crowd.activeShare * crowd.visitsPerDay * hourly) / 3600;
  const small = logWith(4000, wal.rates, inputs);
  return table(
    ['', 'formula', 'comes to'],
    [
      [
        'event loops',
        sum(service),
        `${tenths(eventLoops.peak)} cores; at ${plan.eventLoopShare * 100} % that is ${capacity.forLoops} processes`,
      ],
      [
        'hash threads',
        `login × ${crowd.hashesPerLogin} hashes × ${cost.hashMs / 1000} / ${cost.hashShare}`,
        `${tenths(hashThreads.peak)} cores; ${plan.hashThreadsPerReplica} threads a replica are ${capacity.forHashes} replicas`,
      ],
      [
        'replicas',
        `the greater of both, and ${plan.spareReplicas} that may be missing`,
        `**${capacity.replicas}**`,
      ],
      [
        'connections',
        `(${capacity.replicas} + 1) × (\`DATABASE_POOL_SIZE\` ${plan.poolSize} + ${plan.connectionsBesidesPool}), and ${plan.connectionsOfOthers} for migrations, backups and people`,
        `${connections}: \`max_connections = ${Math.ceil(connections / 50) * 50}\``,
      ],
      [
        'Postgres, CPU',
        sum(server),
        `${tenths(postgres.peak)} cores; at ${plan.postgresShare * 100} % that is a machine of **${capacity.postgresCores}**`,
      ],
      [
        'Postgres, disk',
        `users × ${bytes.user} B + sessions × ${bytes.session} B, and ${plan.randomIndexGrowth} × the indexes over emails, handles and users' ids`,
        `${gigabytes(tables)} + ${gigabytes(growth)}, and as much again for log, growth and copies`,
      ],
      [
        'Postgres, memory',
        `all indexes, and two pages of 8 KB for each client that is there at once: me × ${crowd.meSecondsApart} s`,
        `${gigabytes(indexes)} + ${gigabytes(clients * 2 * 8192)}`,
      ],
      [
        'Postgres, reads',
        `two pages for each of ${whole(visits)} visits that begin in a second`,
        `${whole(visits * 2)} a second at most, of what is not in memory`,
      ],
      [
        'log, busiest quarter',
        `with a checkpoint each ${plan.checkpointSeconds} s`,
        `${tenths(wal.peak)} MB/s`,
      ],
      [
        'log, the day',
        'the mean of the day × 86,400 s',
        `${tenths(meanWal(day, inputs))} MB/s, ${((meanWal(day, inputs) * 86_400) / 1e6).toFixed(2)} TB before compression: what archive and standbys must take`,
      ],
      [
        '`max_wal_size`',
        `1.9 × log × ${plan.checkpointSeconds} s, or checkpoints come before their time`,
        `${whole(maxWalSizeFor(wal.peak, plan.checkpointSeconds) / 1000)} GB; with 4 GB there is one each ${whole(small.seconds)} s, and ${tenths(small.wal)} MB/s of log`,
      ],
      [
        'ten times all this',
        'users, and requests',
        `${((tables + growth) / 1e11).toFixed(1)} TB, ${whole(postgres.peak * 10)} cores of Postgres, ${whole(wal.peak * 10)} MB/s of log`,
      ],
    ],
  );
}

function meanWal(day, inputs) {
  const values = Array.from(day.me, (_, quarter) => {
    const rates = { me: 0, refresh: day.refresh[quarter], login: day.login[quarter] };
    return demandOf(rates, inputs).wal;
  });
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function hours(day, inputs) {
  const rows = Array.from({ length: 24 }, (_, hour) => {
    const mean = (values) => values.slice(hour * 4, hour * 4 + 4).reduce((sum, value) => sum + value, 0) / 4;
    const rates = { me: mean(day.me), refresh: mean(day.refresh), login: mean(day.login) };
    const { eventLoops, hashThreads, postgres, wal } = demandOf(rates, inputs);
    const uses = [eventLoops, hashThreads, postgres, wal].map(tenths);
    return [`${hour}:00`, whole(rates.me), whole(rates.refresh), whole(rates.login), ...uses];
  });
  return table(
    [
      'hour',
      'me/s',
      'refresh/s',
      'login/s',
      'event loops, cores',
      'hashing, cores',
      'Postgres, cores',
      'log, MB/s',
    ],
    rows,
  );
}

function limitsTable(limits) {
  const rows = limits.map(({ name, peak, planned, share, quarter, rates }) => {
    const clock = `${Math.floor(quarter / 4)}:${String((quarter % 4) * 15).padStart(2, '0')}`;
    const of = name === 'wal' ? 'MB/s' : 'cores';
    const requests = whole(rates.me + rates.refresh + rates.login);
    return [
      name,
      clock,
      requests,
      `${tenths(peak)} ${of}`,
      `${tenths(planned)} ${of}`,
      `${whole(share * 100)} %`,
    ];
  });
  const [{ name, share }] = limits;
  return `${table(['limit', 'busiest quarter', 'requests/s then', 'takes', 'planned for', 'used'], rows)}

The first limit is **${name}**, reached at ${whole(100 / share)} % of this load.`;
}
