import { readArguments, refuse } from '../arguments.mjs';
import { defaultOf } from '../defaults.mjs';

const usage = `npm run bench:scale                              ten million users against ten thousand
npm run bench:scale -- --users 1000000           another number
npm run bench:scale -- --quick                   every part, on so little data that its figures mean nothing
npm run bench:scale -- --keep                    leaves the databases where they are
npm run bench:scale -- --day [SCALE.json BENCH.json]   reckons the day of docs/scaling.md, from two results or from those kept`;

const { values, positionals } = readArguments(
  usage,
  {
    users: { type: 'string', default: '10000000' },
    quick: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    day: { type: 'boolean', default: false },
  },
  2,
);
if (positionals.length !== 0 && !(values.day && positionals.length === 2))
  refuse('--day takes a result of bench:scale and one of bench, or none; nothing else takes a file', usage);

/** Every part runs, but on so little data that its figures mean nothing. */
export const quick = values.quick;
/** The databases are left where they are. */
export const keep = values.keep;
/** Nothing is measured: the day of docs/scaling.md is reckoned from what was. */
export const dayOnly = values.day;
/** The results of bench:scale and bench that the day is reckoned from instead of the committed figures. */
export const dayFiles = positionals;

export const sessionsPerUser = 2;

const full = {
  big: sizeOf(Number(values.users)),
  small: sizeOf(10_000),
  rounds: 12,
  warmUp: 200,
  /** In each round and in each database, by the kind of statement. */
  calls: { read: 1000, write: 500, batch: 100 },
  walSample: 5_000,
  // Of all sessions, those whose clients are at work
  activeShare: 0.01,
  refreshConnections: 8,
  boundSeconds: 3 * 3600,
};

export const plan = quick
  ? {
      ...full,
      big: sizeOf(20_000),
      rounds: 2,
      warmUp: 20,
      calls: { read: 50, write: 50, batch: 5 },
      walSample: 500,
      boundSeconds: 300,
    }
  : full;

export const accessTokenSeconds = defaultOf('ACCESS_TOKEN_TTL_SECONDS');
export const refreshGraceSeconds = defaultOf('REFRESH_GRACE_SECONDS');
export const sessionsPerUserMax = defaultOf('SESSIONS_PER_USER_MAX');
export const lifetimeDays = defaultOf('TOKEN_EXPIRY_LIMIT');
export const idleDays = defaultOf('SESSION_IDLE_DAYS');

/** As many as the pruner takes at once (src/sessions/prune.ts). */
export const batchRows = 1000;
/** As far as it counts what is left. */
export const backlogRows = 100 * batchRows;

/** p99 with many users, in multiples of p99 with few. */
export const bar = 1.3;

function sizeOf(users) {
  if (!Number.isSafeInteger(users) || users < 10_000) refuse('--users takes a number from 10000 on', usage);
  return { users, sessions: users * sessionsPerUser };
}
