import { accessTokenSeconds } from './settings.mjs';

/** What was measured (npm run bench, npm run bench:scale): microseconds of CPU, milliseconds, bytes. */
export const measured = {
  service: { me: 90, refresh: 150, login: 400 },
  server: { me: 70, refresh: 200, login: 400 },
  hashMs: 201,
  /** Of the hash threads, what logins make of them. */
  hashShare: 0.97,
  wal: { refresh: { withPages: 6500, withoutPages: 250 }, login: { withPages: 21_000, withoutPages: 3100 } },
  sessionsPerPage: 28,
};

/** Who does what. A hundred million users, and 50,000 requests in the busiest second. */
export const people = {
  users: 100_000_000,
  sessionsPerUser: 2,
  /** Of all users, those who come on this day. */
  activeShare: 0.25,
  visitsPerDay: 6,
  visitMinutes: 20,
  meSecondsApart: 74,
  /** Of those who come, those whose session has ended: once in ten days. */
  loginShare: 0.1,
  /** How much of a day's visits begin in each hour, from midnight on, in any unit. */
  visits: [2, 1, 1, 1, 1, 2, 4, 7, 9, 9, 8, 8, 8, 8, 8, 8, 8, 9, 9, 10, 10, 8, 6, 4],
  accessTokenSeconds,
};

/**
 * What there is to carry it, and how much of that is meant to be used: sixteen replicas of two hash threads each, and one
 * Postgres.
 */
export const capacity = {
  eventLoops: { has: 16, planned: 0.5, of: 'cores' },
  hashThreads: { has: 32, planned: 1, of: 'cores' },
  postgres: { has: 16, planned: 0.6, of: 'cores' },
  wal: { has: 200, planned: 0.5, of: 'MB/s' },
  checkpointSeconds: 900,
};
