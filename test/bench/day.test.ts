import { readFileSync } from 'node:fs';
import t from 'tap';
import {
  capacityFor,
  demandOf,
  limitsOf,
  logWith,
  maxWalSizeFor,
  type Rates,
  simulateDay,
} from '../../bench/scale/day.mjs';
import { measured, people, planning } from '../../bench/scale/day-inputs.mjs';
import { renderDay } from '../../bench/scale/day-report.mjs';
import { measuredBy } from '../../bench/scale/measured.mjs';

const inputs = { measured, people, planning };
const day = simulateDay({ people });
const sum = (values: Float64Array) => values.reduce((total, value) => total + value * 900, 0);
const visits = people.users * people.activeShare * people.visitsPerDay;

t.test('the same seed gives the same day, another one nearly so', async (t) => {
  t.strictSame(simulateDay({ people }), day);
  const other = simulateDay({ people, seed: 2 });
  t.notSame(other, day);
  t.ok(Math.abs(sum(other.refresh) / sum(day.refresh) - 1) < 0.02);
});

t.test('who comes logs in once or not at all, asks for itself, and refreshes what has ended', async (t) => {
  const logins = people.users * people.activeShare * people.loginShare;
  t.ok(Math.abs(sum(day.login) / logins - 1) < 0.05, 'one login for each of those who need one');
  const asked = (visits * people.visitMinutes * 60) / people.meSecondsApart;
  t.ok(Math.abs(sum(day.me) / asked - 1) < 0.02, 'a steady pace for as long as a visit lasts');
  const tokens = sum(day.login) + sum(day.refresh);
  t.ok(tokens > 0.8 * visits, 'most visits begin with a new access token');
  t.ok(tokens < visits * (1 + (people.visitMinutes * 60) / people.accessTokenSeconds), 'and none is early');

  const nobody = simulateDay({ people: { ...people, users: 0 } });
  t.equal(sum(nobody.me) + sum(nobody.refresh) + sum(nobody.login), 0);
});

t.test('what requests take of each resource', async (t) => {
  const of = (rates: Partial<Rates>) => demandOf({ me: 0, refresh: 0, login: 0, ...rates }, inputs);
  t.equal(of({ me: 1000 }).eventLoops, measured.service.me / 1000);
  t.equal(of({ refresh: 1000 }).postgres, measured.server.refresh / 1000);
  t.equal(
    of({ login: 1 }).hashThreads,
    (people.hashesPerLogin * measured.hashMs) / 1000 / measured.hashShare,
  );
  t.strictSame(of({}), { eventLoops: 0, hashThreads: 0, postgres: 0, wal: 0 });

  const { withPages, withoutPages } = measured.wal.refresh;
  const bytes = (refresh: number) => (of({ refresh }).wal / refresh) * 1e6;
  t.ok(Math.abs(bytes(0.01) - withPages) < 1, 'few refreshes are each the first of their page');
  t.ok(Math.abs(bytes(1e9) - withoutPages) < 1, 'many are not');
});

t.test('the first limit is the one that is nearest to what is planned for it', async (t) => {
  const capacity = capacityFor(day, inputs);
  const limits = limitsOf(day, inputs);
  t.strictSame(
    limits.map(({ share }) => share),
    limits.map(({ share }) => share).sort((a, b) => b - a),
  );
  t.ok((limits[0]?.share ?? 2) <= 1, 'what is called for is enough');
  t.equal(capacity.planned.postgres, capacity.postgresCores * planning.postgresShare);

  const slowDisk = { ...capacity, planned: { ...capacity.planned, wal: 1 } };
  t.equal(limitsOf(day, inputs, slowDisk)[0]?.name, 'wal');
});

t.test('checkpoints before their time write more', async (t) => {
  const rates = { me: 0, refresh: 4900, login: 0 };
  const { wal } = demandOf(rates, inputs);
  const enough = maxWalSizeFor(wal, planning.checkpointSeconds);
  t.strictSame(logWith(enough * 1.01, rates, inputs), { seconds: planning.checkpointSeconds, wal });
  const scarce = logWith(4000, rates, inputs);
  t.ok(scarce.seconds < planning.checkpointSeconds);
  t.ok(scarce.wal > wal);
  t.ok(Math.abs(maxWalSizeFor(scarce.wal, scarce.seconds) - 4000) < 1, 'as close as they then come');
});

t.test('what was measured is taken from the results of two runs', async (t) => {
  const relation = (name: string, table: string, bytes: number) => ({ name, table, bytes });
  const scale = {
    machine: { commit: '0123456' },
    size: { big: { users: 1000, sessions: 2000 } },
    sizes: {
      relations: [
        relation('users', 'users', 200_000),
        relation('users_email_key', 'users', 50_000),
        relation('refreshaccesstokens', 'refreshaccesstokens', 600_000),
        relation('refreshaccesstokens_pkey', 'refreshaccesstokens', 40_000),
        relation('refreshaccesstokens_tokens_key', 'refreshaccesstokens', 120_000),
      ],
    },
    latencies: [
      ['select_user_by_session', 60.4],
      ['rotate_session', 200],
      ['select_credentials', 40],
      ['insert_session', 300],
    ].map(([name, cpuMicros]) => ({ name, big: { cpuMicros } })),
    wal: {
      refresh: { withPages: 6000.4, withoutPages: 300 },
      login: { withPages: 15_000, withoutPages: 1800 },
    },
  };
  const bench = {
    commit: '89abcdef',
    costs: [
      { name: 'me', micros: { gatehouse: { median: 90.2 } } },
      { name: 'refresh', micros: { gatehouse: { median: 150 } } },
    ],
    storms: [{ engine: 'native', threads: 2, bare: { median: 10 }, aloneShare: { median: 0.971 } }],
  };
  t.match(measuredBy(scale, bench), {
    from: { scale: /1,000 users, commit 0123456/, bench: /commit 89abcde/ },
    service: { me: 90, refresh: 150 },
    server: { me: 60, refresh: 200, login: 340 },
    hashMs: 200,
    hashShare: 0.97,
    wal: { refresh: { withPages: 6000, withoutPages: 300 } },
    bytes: {
      user: 250,
      session: 380,
      sessionRow: 300,
      userIndexes: 50,
      sessionIndexes: 80,
      userRandomIndexes: 50,
      sessionRandomIndexes: 60,
    },
  });
});

t.test('docs/scaling.md says what is reckoned from what it says was measured', async (t) => {
  const page = readFileSync(new URL('../../docs/scaling.md', import.meta.url), 'utf8');
  for (const [part, text] of Object.entries(renderDay())) t.ok(page.includes(text), part);

  const cellsOf = (name: string) =>
    page
      .split('\n')
      .find((line) => line.startsWith(`| \`${name}\` | `))
      ?.split(' | ');
  const micros = (name: string) => Number(cellsOf(name)?.[6]);
  t.equal(micros('select_user_by_session'), measured.server.me);
  t.equal(micros('rotate_session'), measured.server.refresh);
  t.equal(micros('select_credentials') + micros('insert_session'), measured.server.login);
  const log = ({ withPages, withoutPages }: typeof measured.wal.login) =>
    `| ${withPages.toLocaleString('en')} and ${withoutPages.toLocaleString('en')} bytes |`;
  t.match(page, `first of its page since a checkpoint, and later ${log(measured.wal.refresh)}`);
  t.match(page, `log of a login: likewise ${log(measured.wal.login)}`);
  t.match(page, new RegExp(`a user, with indexes \\| [\\d.]+ GB \\| ${measured.bytes.user} `));
  t.match(page, new RegExp(`a session, with indexes \\| [\\d.]+ GB \\| ${measured.bytes.session} `));
});
