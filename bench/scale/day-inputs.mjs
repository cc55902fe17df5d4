import { settingsSchema } from '../../dist/config/schema.js';
import { connectionsBesidesPool } from '../../dist/storage/postgres.js';
import { readMeasured } from './measured.mjs';
import { accessTokenSeconds } from './settings.mjs';

export const measured = readMeasured();

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
  /** For each login, itself included: one in ten is preceded by a wrong password, and for ten there is a registration. */
  hashesPerLogin: 1.2,
  /** How much of a day's visits begin in each hour, from midnight on, in any unit. */
  visits: [2, 1, 1, 1, 1, 2, 4, 7, 9, 9, 8, 8, 8, 8, 8, 8, 8, 9, 9, 10, 10, 8, 6, 4],
  accessTokenSeconds,
};

/** How what carries it is chosen. What that comes to is what the day is held against: one number for both. */
export const planning = {
  hashThreadsPerReplica: 2,
  spareReplicas: 2,
  /** Of a core each, how much is meant to be used. */
  eventLoopShare: 0.5,
  postgresShare: 0.6,
  postgresCores: [2, 4, 8, 16, 32, 64, 128],
  wal: { megabytesPerSecond: 200, share: 0.5 },
  checkpointSeconds: 900,
  poolSize: settingsSchema.properties.DATABASE_POOL_SIZE.default,
  /** Of each process. */
  connectionsBesidesPool,
  connectionsOfOthers: 20,
  /** What indexes into which rows come in random order grow to, from new. */
  randomIndexGrowth: 1.3,
};
