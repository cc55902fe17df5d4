import t from 'tap';
import { demandOf, limitsOf, type Rates, simulateDay } from '../../bench/scale/day.mjs';
import { capacity, measured, people } from '../../bench/scale/day-inputs.mjs';

const inputs = { measured, people, capacity };
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
  t.equal(of({ login: 1 }).hashThreads, measured.hashMs / 1000 / measured.hashShare);
  t.strictSame(of({}), { eventLoops: 0, hashThreads: 0, postgres: 0, wal: 0 });

  const { withPages, withoutPages } = measured.wal.refresh;
  const bytes = (refresh: number) => (of({ refresh }).wal / refresh) * 1e6;
  t.ok(Math.abs(bytes(0.01) - withPages) < 1, 'few refreshes are each the first of their page');
  t.ok(Math.abs(bytes(1e9) - withoutPages) < 1, 'many are not');
});

t.test('the first limit is the one that is nearest to what is planned for it', async (t) => {
  const limits = limitsOf(day, inputs);
  t.strictSame(
    limits.map(({ share }) => share),
    limits.map(({ share }) => share).sort((a, b) => b - a),
  );
  t.equal(limits[0]?.name, 'hashThreads', 'as docs/scaling.md says');

  const slowDisk = { ...capacity, wal: { ...capacity.wal, has: 1 } };
  t.equal(limitsOf(day, { ...inputs, capacity: slowDisk })[0]?.name, 'wal');
});
