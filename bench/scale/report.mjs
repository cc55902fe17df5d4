import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { table } from './markdown.mjs';
import { bar, quick } from './settings.mjs';

const results = new URL('../results/', import.meta.url);

const count = (value) => Math.round(value).toLocaleString('en');
const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(2)} GB`;
const ms = (value) => value.toFixed(3);
const micros = (value) => (value === undefined ? '' : value.toFixed(0));

/** Markdown, as it stands in docs/scaling.md. */
export function render(result) {
  return [head, latencies, sizes, figures, plans].map((part) => part(result)).join('\n\n');
}

/** Keeps everything that was measured; git ignores the folder. */
export function save(result) {
  mkdirSync(results, { recursive: true });
  const file = fileURLToPath(new URL(`scale-${result.date.replaceAll(':', '-')}.json`, results));
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  return file;
}

function head({ machine, size, sizes, warmed, loadSeconds, seconds }) {
  const { cores, cpu, node, postgres, durability, commit, buffers, hugePages, memoryBytes } = machine;
  const data = sizes.users + sizes.sessions;
  return `${count(size.big.users)} users with ${count(size.big.sessions)} sessions, against ${count(size.small.users)} with ${count(size.small.sessions)}.
${cores} cores, ${cpu}, ${gigabytes(memoryBytes)} of memory · Node ${node} · Postgres ${postgres} (${durability}, shared_buffers ${buffers}, huge pages ${hugePages}) ·
commit ${commit} · loaded in ${count(loadSeconds)} s, ${count(seconds)} s in all. The data of the many take ${gigabytes(data)}: ${whereabouts({ warmed, data, memoryBytes })}.`;
}

/** Where reads found the data, as that decides over what they take. */
function whereabouts({ warmed, data, memoryBytes }) {
  const rest = memoryBytes > 1.5 * data ? "in the system's page cache" : 'partly on disk';
  if (warmed === undefined) return `Postgres had what it happened to read, and the rest was ${rest}`;
  if (warmed > 0.98 * data) return 'Postgres had all of it in its own memory';
  return `Postgres had ${gigabytes(warmed)} of them in its own memory, indexes first, and the rest was ${rest}`;
}

function latencies({ latencies: measured, size }) {
  return table(
    [
      'statement',
      'few: p50, ms',
      'p99',
      'many: p50, ms',
      'p99',
      'server CPU, µs: few',
      'many',
      'p99, ×',
      'of rounds',
      `≤ ${bar}`,
    ],
    measured.map(({ name, small, big, ratio, passes }) => [
      `\`${name}\``,
      ms(small.p50),
      ms(small.p99),
      ms(big.p50),
      ms(big.p99),
      micros(small.cpuMicros),
      micros(big.cpuMicros),
      ratio.median.toFixed(2),
      `${ratio.min.toFixed(2)}–${ratio.max.toFixed(2)}`,
      quick ? 'not judged' : passes ? 'pass' : 'FAIL',
    ]),
  ).concat(`\n\nMedians of ${size.rounds} rounds.`);
}

function sizes({ sizes: { relations, users, sessions }, size: { big } }) {
  const perRow = (name, bytes) => bytes / (name === 'users' ? big.users : big.sessions);
  return table(
    ['on disk', 'size', 'bytes a row'],
    [
      ...relations.map(({ name, table: of, bytes }) => [
        `\`${name}\``,
        gigabytes(bytes),
        count(perRow(of, bytes)),
      ]),
      ['a user, with indexes', gigabytes(users), count(users / big.users)],
      ['a session, with indexes', gigabytes(sessions), count(sessions / big.sessions)],
    ],
  );
}

function figures({ wal, backlog, hours }) {
  const log = ({ withPages, withoutPages }) => `${count(withPages)} and ${count(withoutPages)} bytes`;
  const each = (figure) => [figure(hours.spread), figure(hours.newest)];
  const single = table(
    ['', 'measured'],
    [
      ['log of a refresh: first of its page since a checkpoint, and later', log(wal.refresh)],
      ['log of a login: likewise', log(wal.login)],
      ['the pruner counts what waits', `${count(backlog.rows)} sessions in ${ms(backlog.ms)} ms`],
    ],
  );
  const isTable = (name) => name === 'refreshaccesstokens';
  const ofHours = table(
    ['an hour of refreshes', 'of sessions all over the table', 'of those opened last'],
    [
      [
        'active sessions × turns',
        ...each(
          (hour) =>
            `${count(hour.active)} × ${count(hour.refreshes / hour.active)} in ${count(hour.seconds)} s`,
        ),
      ],
      ['log of each', ...each(({ wal: bytes }) => `${count(bytes)} bytes`)],
      ['heap-only', ...each(({ hotShare }) => `${(hotShare * 100).toFixed(2)} %`)],
      ['dead rows after it', ...each(({ deadRows }) => count(deadRows))],
      ['runs of autovacuum', ...each(({ autovacuums }) => String(autovacuums))],
      ['table of sessions', ...each((hour) => growth(hour, isTable))],
      ['its indexes', ...each((hour) => growth(hour, (name) => !isTable(name)))],
    ],
  );
  return `${single}\n\n${ofHours}`;
}

function growth(hour, part) {
  const sum = ({ relations }) =>
    relations
      .filter(({ name, table: owner }) => owner === 'refreshaccesstokens' && part(name))
      .reduce((total, { bytes }) => total + bytes, 0);
  return `${gigabytes(sum(hour.before))} → ${gigabytes(sum(hour.after))}`;
}

function plans({ plans: each }) {
  return table(
    ['statement', 'reads', 'pages', ''],
    each.map(({ name, reads, pages, faults }) => [
      `\`${name}\``,
      reads.map((read) => read.replace('refreshaccesstokens', '…')).join('; ') || 'its function, or nothing',
      count(pages),
      faults.join('; ') || 'pass',
    ]),
  );
}
