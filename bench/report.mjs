import { compare, doubts } from './comparison.mjs';
import { loadTime } from './figures.mjs';
import { nameCode } from './machine.mjs';
import { number, range, table, telling } from './table.mjs';

/** @returns {string} what a person reads of one run */
export function report(result) {
  const sections = [
    describe(result),
    costs(result),
    statements(result),
    scenarios(result),
    storms(result),
    memory(result),
    verdicts(result),
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n');
}

function describe({ machine, date, seconds, isIncomplete, ...code }) {
  const { cores, cpu, memoryGigabytes, os, node, postgres, durability, loadAverage } = machine;
  return [
    `${cores} cores, ${cpu}, ${memoryGigabytes} GB, ${os} · Node ${node} · Postgres ${postgres} (${durability})`,
    `commit ${nameCode(code)} · ${date} · load average at start ${loadAverage.toFixed(2)} · took ${Math.round(seconds)} s`,
    ...(isIncomplete ? ['broken off: this is what had been measured by then'] : []),
  ];
}

function costs({ costs = [] }) {
  const cell = (summary) => (summary ? number(summary.median) : '');
  const ratio = (summary) => (summary ? `${summary.median.toFixed(2)} (${range(summary)})` : '');
  const floors = costs.filter(({ micros }) => micros.gatehouse);
  const workers = costs.filter(({ micros }) => micros.one);
  return [
    ...(floors.length > 0
      ? table(
          ['CPU per request, µs', 'Gatehouse', 'Fastify, jwt, pg', '×', 'bare route', '×'],
          floors.map(({ name, micros, ratios }) => [
            name,
            cell(micros.gatehouse),
            cell(micros.floor),
            ratio(ratios.floor),
            cell(micros.bare),
            ratio(ratios.bare),
          ]),
        )
      : []),
    ...(floors.length > 0 && workers.length > 0 ? [''] : []),
    ...(workers.length > 0
      ? table(
          ['CPU per request, µs', 'two', 'one', '×'],
          workers.map(({ name, micros, ratios }) => [
            name,
            cell(micros.two ?? micros.apart),
            cell(micros.one),
            ratio(ratios.one),
          ]),
        )
      : []),
  ];
}

function statements({ statements = [] }) {
  if (statements.length === 0) return [];
  return table(
    ['bare pg loop', 'per second', 'rounds', 'CPU µs', 'Gatehouse, 32 connections, of it', 'rounds'],
    statements.map(({ name, perSecond, micros, served }) => [
      name,
      number(perSecond.median),
      range(perSecond),
      number(micros.median),
      served.median.toFixed(2),
      range(served),
    ]),
  );
}

function scenarios({ scenarios = [], mixed }) {
  const all = mixed ? [...scenarios, mixed.scenario] : scenarios;
  if (all.length === 0) return [];
  return table(
    [
      'scenario',
      'answered /s',
      'rounds',
      'p50 ms',
      'p99 ms',
      'rounds',
      'CPU µs',
      'livez p99',
      'rounds',
      'of it the prober',
      'refused',
    ],
    all.map(({ name, perSecond, p50, p99, micros, livezP99, proberLateP99, refused }) => [
      name,
      number(perSecond.median),
      range(perSecond),
      number(p50.median),
      number(p99.median),
      range(p99),
      number(micros.median),
      number(livezP99.median),
      range(livezP99),
      number(proberLateP99.median),
      String(refused),
    ]),
  );
}

function storms({ storms = [] }) {
  if (storms.length === 0) return [];
  const percent = ({ median }) => `${(median * 100).toFixed(0)} %`;
  return [
    ...table(
      ['per second', 'bare hashes', 'logins', 'share', 'logins beside reads', 'share', 'refused'],
      storms.map(({ engine, threads, bare, alone, aloneShare, beside, besideShare, refused }) => [
        `${engine}, ${threads} threads`,
        number(bare.median),
        number(alone.median),
        percent(aloneShare),
        number(beside.median),
        percent(besideShare),
        String(refused),
      ]),
    ),
    '',
    ...table(
      [
        'latency, ms',
        'me p50',
        'me p99',
        'rounds',
        'max',
        'of it the client',
        'livez p99',
        'rounds',
        'max',
        'of it the prober',
      ],
      storms.flatMap(({ engine, calm, stormy }) =>
        [
          [`without a storm, ${engine}`, calm],
          [`login storm, ${engine}`, stormy],
        ].map(([name, { meP50, meP99, meMax, meLateP99, livezP99, livezMax, proberLateP99 }]) => [
          name,
          number(meP50.median),
          number(meP99.median),
          range(meP99),
          number(meMax.max),
          number(meLateP99.median),
          number(livezP99.median),
          range(livezP99),
          number(livezMax.max),
          number(proberLateP99.median),
        ]),
      ),
    ),
  ];
}

function memory({ start, mixed }) {
  const lines = [];
  if (start)
    lines.push(
      `cold start to ready: ${number(start.median)} s (${range(start)}, ${start.values.length} starts)`,
    );
  if (mixed) {
    const { idle, after, peak, growth, loadSeconds } = mixed.memory;
    lines.push(
      `resident memory: ${number(idle)} MB idle, ${number(after)} after ${loadTime(loadSeconds)} of mixed load ` +
        `(${growth >= 0 ? '+' : ''}${(growth * 100).toFixed(1)} %), ${number(peak)} at its highest since the start`,
      `the mixed load: ${mixed.scenario.rate} requests a second, 99 % of them sent at most ${number(mixed.late.median)} ms late`,
    );
  }
  return lines;
}

function verdicts({ verdicts }) {
  if (verdicts.length === 0) return [];
  return table(
    ['bar', 'measured', 'rounds', 'allowed', ''],
    verdicts.map(({ name, figure, sign, limit, passes }) => [
      name,
      figure ? `${telling(figure.median, limit)} ${figure.unit}` : 'not measured',
      figure ? range(figure) : '',
      `${sign} ${limit}${figure ? ` ${figure.unit}` : ''}`,
      passes ? 'pass' : 'FAIL',
    ]),
  );
}

/** @returns {string} what a person reads of two runs */
export function reportComparison(a, b) {
  const of = ({ date, seconds: _, ...code }) => `${date}, commit ${nameCode(code)}`;
  const say = ({ differs }) =>
    differs === undefined ? 'no spread known' : differs ? 'differs' : 'within the spread';
  return [
    `A: ${of(a)}`,
    `B: ${of(b)}`,
    ...doubts(a, b).map((doubt) => `! ${doubt}`),
    '',
    ...table(
      ['', 'unit', 'A', 'rounds', 'B', 'rounds', 'B / A', ''],
      compare(a, b).map((row) => [
        row.label,
        row.unit,
        number(row.a.median),
        range(row.a),
        number(row.b.median),
        range(row.b),
        row.ratio.toFixed(2),
        say(row),
      ]),
    ),
  ].join('\n');
}
