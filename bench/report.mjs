import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { fileURLToPath } from 'node:url';
import { root } from '../scripts/build.mjs';
import { bars } from './settings.mjs';

const results = new URL('results/', import.meta.url);

/** Each figure that has a bar, and whether it passes. */
export function judge({ costs, storms }) {
  const atMost = (name, value, bar, unit) => ({ name, value, sign: '≤', bar, unit, passes: value <= bar });
  const under = (name, value, bar) => ({ name, value, sign: '<', bar, unit: 'ms', passes: value < bar });
  const atLeast = (name, value, bar) => ({ name, value, sign: '≥', bar, unit: '%', passes: value >= bar });
  const failed = ({ stormy }) => stormy.me.failed + stormy.livez.failed;
  return [
    ...costs.map(({ name, ratio }) =>
      atMost(`${name}: CPU, × bare service`, ratio.median, bars.costRatio, '×'),
    ),
    ...storms.flatMap((storm) => [
      under(`${storm.engine} storm: /api/v1/me p99`, storm.stormy.me.p99, bars.meP99Ms),
      under(`${storm.engine} storm: /livez p99`, storm.stormy.livez.p99, bars.livezP99Ms),
      atMost(`${storm.engine} storm: probes without a 200`, failed(storm), 0, ''),
      atLeast(
        `${storm.engine} storm: logins, % of bare loop`,
        storm.aloneShare.median * 100,
        bars.loginShare * 100,
      ),
    ]),
  ];
}

/** @returns {string} what a person reads */
export function render({ machine, costs, storms, verdicts, seconds }) {
  const { cores, cpu, platform, node, postgres, durability, commit, loadAverage } = machine;
  return [
    `${cores} cores, ${cpu}, ${platform} · Node ${node} · Postgres ${postgres} (${durability})`,
    `commit ${commit} · load average at start ${loadAverage.toFixed(2)} · took ${Math.round(seconds)} s`,
    '',
    ...table(
      ['CPU per request', 'Gatehouse µs', 'bare µs', 'ratio', 'ratio of rounds'],
      costs.map(({ name, service, floor, ratio }) => [
        name,
        service.median.toFixed(0),
        floor.median.toFixed(0),
        ratio.median.toFixed(2),
        `${ratio.least.toFixed(2)}–${ratio.greatest.toFixed(2)}`,
      ]),
    ),
    '',
    ...table(
      ['latency, ms', 'calm p50', 'p99', 'storm p50', 'p99', 'p99 of rounds', 'max'],
      storms.flatMap(({ engine, calm, stormy }) =>
        ['me', 'livez'].map((name) => [
          `${name} (${engine})`,
          ms(calm[name].p50),
          ms(calm[name].p99),
          ms(stormy[name].p50),
          ms(stormy[name].p99),
          stormy[name].p99Rounds.map(ms).join(' '),
          ms(stormy[name].max),
        ]),
      ),
    ),
    '',
    ...table(
      ['per second', 'bare hashes', 'logins', 'share', 'logins while probed', 'share', 'refused'],
      storms.map(({ engine, threads, bare, alone, aloneShare, probed, probedShare, refused }) => [
        `${engine}, ${threads} threads`,
        bare.median.toFixed(2),
        alone.median.toFixed(2),
        percent(aloneShare.median),
        probed.median.toFixed(2),
        percent(probedShare.median),
        String(refused),
      ]),
    ),
    '',
    ...table(
      ['bar', 'measured', 'allowed', ''],
      verdicts.map(({ name, value, sign, bar, unit, passes }) => [
        name,
        `${Number.isInteger(value) ? value : value.toFixed(2)} ${unit}`.trim(),
        `${sign} ${bar} ${unit}`.trim(),
        passes ? 'pass' : 'FAIL',
      ]),
    ),
  ].join('\n');
}

/** Keeps everything that was measured beside this file; git ignores it. */
export function save(result) {
  mkdirSync(results, { recursive: true });
  const file = fileURLToPath(new URL(`${result.machine.date.replaceAll(':', '-')}.json`, results));
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
  return file;
}

const ms = (value) => value.toFixed(1);
const percent = (share) => `${(share * 100).toFixed(0)} %`;

function table(head, rows) {
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  return all.map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column])))
      .join('  ')
      .trimEnd(),
  );
}

/** What the figures were measured on. */
export async function describeMachine(database) {
  const { version, fsync, synchronous_commit } = await database.ask(
    `SELECT current_setting('server_version') AS version, current_setting('fsync') AS fsync,
      current_setting('synchronous_commit') AS synchronous_commit`,
  );
  return {
    cores: availableParallelism(),
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    postgres: version,
    durability: `fsync ${fsync}, synchronous_commit ${synchronous_commit}`,
    commit: commit(),
    loadAverage: loadavg()[0],
    date: new Date().toISOString(),
  };
}

function commit() {
  const git = (...args) => spawnSync('git', args, { cwd: root, encoding: 'utf8' });
  const head = git('rev-parse', '--short', 'HEAD');
  if (head.status !== 0) return 'unknown';
  const changed = git('status', '--porcelain', '--', 'src', 'package-lock.json').stdout !== '';
  return head.stdout.trim() + (changed ? ' and uncommitted changes' : '');
}

/** Nearest rank, of sorted numbers. */
export function quantile(sorted, share) {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}

function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (sorted[Math.ceil(middle) - 1] + sorted[Math.floor(middle)]) / 2;
}

/** The middle of some rounds, and how far they lie apart. */
export function spread(numbers) {
  return { median: median(numbers), least: Math.min(...numbers), greatest: Math.max(...numbers) };
}
