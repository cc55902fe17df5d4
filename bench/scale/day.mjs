import { capacity, measured, people } from './day-inputs.mjs';
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
export function demandOf({ me, refresh, login }, { measured: cost, people: crowd, capacity: has }) {
  const cores = (micros) => (me * micros.me + refresh * micros.refresh + login * micros.login) / 1e6;
  const pages = (crowd.users * crowd.sessionsPerUser) / cost.sessionsPerPage;
  return {
    eventLoops: cores(cost.service),
    hashThreads: (login * cost.hashMs) / 1000 / cost.hashShare,
    postgres: cores(cost.server),
    wal: (bytesOf(refresh, cost.wal.refresh) + bytesOf(login, cost.wal.login)) / 1e6,
  };

  /** So many a second, of which those write a whole page that are the first to change it since a checkpoint. */
  function bytesOf(rate, { withPages, withoutPages }) {
    const changes = rate * has.checkpointSeconds;
    const first = changes === 0 ? 0 : (pages * (1 - Math.exp(-changes / pages))) / changes;
    return rate * (first * withPages + (1 - first) * withoutPages);
  }
}

/** Every resource with its busiest quarter, the nearest to its limit first. */
export function limitsOf(day, inputs) {
  const demands = Array.from(day.me, (_, quarter) => demandOf(at(day, quarter), inputs));
  return Object.keys(demands[0])
    .map((name) => {
      const { has, planned, of } = inputs.capacity[name];
      const busiest = demands.reduce(
        (most, each, quarter) => (each[name] > demands[most][name] ? quarter : most),
        0,
      );
      const peak = demands[busiest][name];
      return { name, of, peak, planned: has * planned, share: peak / (has * planned), quarter: busiest };
    })
    .sort((a, b) => b.share - a.share);
}

const at = (day, quarter) => ({
  me: day.me[quarter],
  refresh: day.refresh[quarter],
  login: day.login[quarter],
});

/** The hours of the day and the limits, as docs/scaling.md has them. */
export function printDay() {
  const inputs = { measured, people, capacity };
  const day = simulateDay(inputs);
  const whole = (value) => Math.round(value).toLocaleString('en');
  const line = (cells) => console.log(`| ${cells.join(' | ')} |`);
  line([
    'hour',
    'me/s',
    'refresh/s',
    'login/s',
    'event loops, cores',
    'hashing, cores',
    'Postgres, cores',
    'log, MB/s',
  ]);
  line(Array.from({ length: 8 }, () => '---'));
  for (let hour = 0; hour < 24; hour++) {
    const mean = (values) => values.slice(hour * 4, hour * 4 + 4).reduce((sum, value) => sum + value, 0) / 4;
    const rates = { me: mean(day.me), refresh: mean(day.refresh), login: mean(day.login) };
    const { eventLoops, hashThreads, postgres, wal } = demandOf(rates, inputs);
    const uses = [eventLoops, hashThreads, postgres, wal].map((value) => value.toFixed(1));
    line([`${hour}:00`, whole(rates.me), whole(rates.refresh), whole(rates.login), ...uses]);
  }
  console.log('');
  line(['limit', 'busiest quarter', 'takes', 'planned for', 'used']);
  line(Array.from({ length: 5 }, () => '---'));
  const limits = limitsOf(day, inputs);
  for (const { name, of, peak, planned, share, quarter } of limits) {
    const clock = `${Math.floor(quarter / 4)}:${String((quarter % 4) * 15).padStart(2, '0')}`;
    line([
      name,
      clock,
      `${peak.toFixed(1)} ${of}`,
      `${planned.toFixed(1)} ${of}`,
      `${(share * 100).toFixed(0)} %`,
    ]);
  }
  const [{ name, share }] = limits;
  console.log(`\nThe first limit is ${name}, reached at ${whole(100 / share)} % of this load.\n`);
}
