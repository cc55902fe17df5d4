import { parseArgs } from 'node:util';
import { settingsSchema } from '../dist/config/schema.js';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    quick: { type: 'boolean', default: false },
    soak: { type: 'boolean', default: false },
    only: { type: 'string' },
    compare: { type: 'boolean', default: false },
    chart: { type: 'boolean', default: false },
  },
});

/** `--quick`: every part runs, but for too short a time for its figures to mean anything. */
export const quick = options.quick;

/** What to do: `measure`, `compare` two results or draw the `chart` of one; `files` names those results. */
export const task = {
  name: options.compare ? 'compare' : options.chart ? 'chart' : 'measure',
  files: positionals,
};

/** What can be measured by itself, with `--only`. */
export const parts = [
  'start',
  'mixed',
  'me',
  'user',
  'refresh',
  'login',
  'livez',
  'churn',
  'workers',
  'storm',
];

/** Those that this run measures. */
export const wanted = new Set(options.only?.split(',') ?? parts);
for (const part of wanted) {
  if (!parts.includes(part)) throw new Error(`--only ${part}: there are ${parts.join(', ')}`);
}

/** Whether all of it is measured, for long enough. */
export const whole = !quick && wanted.size === parts.length;

/** How much is measured: about ten minutes in all. */
const full = {
  // Whose users have ten each: those of the load generator, of the mixed load and of the statements alone
  sessions: { load: 1000, mixed: 500, statements: 200 },
  // Users who log in
  loginUsers: 16,
  start: { rounds: 9 },
  // As many logins as keep the hash threads busy for half of the time
  mixed: { idleSeconds: 30, rounds: 3, seconds: 10, hashShare: 0.5 },
  // Many short rounds, so that whatever else the machine does meets all servers alike
  cost: {
    rounds: 16,
    warmUp: 6000,
    connections: 20,
    requests: { me: 2000, user: 1000, refresh: 1000, livez: 2000 },
  },
  workers: { rounds: 12, warmUp: 8000, connections: 20, requests: { me: 3000, refresh: 1500 } },
  scenarios: { rounds: 3, seconds: 3, warmUpSeconds: 1 },
  statements: { rounds: 3, seconds: 2 },
  storm: {
    rounds: 3,
    loopSeconds: 4,
    calmSeconds: 4,
    settleSeconds: 2,
    stormSeconds: 6,
    loginsPerThread: 4,
    meRate: 200,
  },
  // A run that takes longer gives up, tidies up and fails
  boundSeconds: 1200,
};

const short = {
  ...full,
  sessions: { load: 260, mixed: 60, statements: 60 },
  start: { rounds: 2 },
  mixed: { ...full.mixed, idleSeconds: 1, rounds: 1, seconds: 2 },
  cost: { ...full.cost, rounds: 2, warmUp: 200, requests: { me: 200, user: 200, refresh: 200, livez: 200 } },
  workers: { ...full.workers, rounds: 2, warmUp: 200, requests: { me: 200, refresh: 200 } },
  scenarios: { rounds: 1, seconds: 0.5, warmUpSeconds: 0.2 },
  statements: { rounds: 1, seconds: 0.5 },
  storm: { ...full.storm, rounds: 1, loopSeconds: 1, calmSeconds: 1, settleSeconds: 1, stormSeconds: 3 },
  boundSeconds: 240,
};

/** `--soak`: ten minutes of mixed load. */
const soaked = { ...full, mixed: { ...full.mixed, rounds: 60 }, boundSeconds: 2400 };

export const plan = quick ? short : options.soak ? soaked : full;

/** Gatehouse's default for a setting, so that the floors do as it does. */
export function defaultOf(setting) {
  const value = settingsSchema.properties[setting]?.default;
  if (value === undefined) throw new Error(`${setting} is not a setting with a default`);
  return value;
}
