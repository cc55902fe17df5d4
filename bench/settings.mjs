import { readArguments, refuse } from './arguments.mjs';

/** What can be measured by itself, with `--only`. */
export const parts = [
  'start',
  'mixed',
  'me',
  'user',
  'refresh',
  'login',
  'register',
  'livez',
  'churn',
  'workers',
  'storm',
];

const usage = `npm run bench                              all of it, in some twelve minutes
npm run bench -- --only me,refresh         a part: ${parts.join(', ')}
npm run bench -- --soak                    with ten minutes of mixed load
npm run bench -- --quick                   every part for a moment, held to no bar
npm run bench -- --compare A.json B.json   two results beside each other
npm run bench -- --chart A.json            draws docs/images/bench.svg`;

const { values: options, positionals } = readArguments(
  usage,
  {
    quick: { type: 'boolean', default: false },
    soak: { type: 'boolean', default: false },
    only: { type: 'string' },
    compare: { type: 'boolean', default: false },
    chart: { type: 'boolean', default: false },
  },
  2,
);
const wantedFiles = options.compare ? 2 : options.chart ? 1 : 0;
if (positionals.length !== wantedFiles)
  refuse(`it takes ${wantedFiles === 0 ? 'no file' : `${wantedFiles} of bench/results`} here`, usage);

/** `--quick`: every part runs, but for too short a time for its figures to mean anything. */
export const quick = options.quick;

/** What to do: `measure`, `compare` two results or draw the `chart` of one; `files` names those results. */
export const task = {
  name: options.compare ? 'compare' : options.chart ? 'chart' : 'measure',
  files: positionals,
};

/** Those that this run measures. */
export const wanted = new Set(options.only?.split(',') ?? parts);
for (const part of wanted) if (!parts.includes(part)) refuse(`--only ${part}: there is no such part`, usage);

/** Whether all of it is measured, for long enough. */
export const whole = !quick && wanted.size === parts.length;

/** How much is measured: about twelve minutes in all. */
const full = {
  // Whose users have ten each: those of the load generator, of the mixed load and of the statements alone
  sessions: { load: 1000, mixed: 500, statements: 200 },
  // Users who log in
  loginUsers: 16,
  start: { rounds: 9 },
  // As many logins as keep the hash threads busy for half of the time
  mixed: { idleSeconds: 30, warmUpSeconds: 2, rounds: 3, seconds: 10, hashShare: 0.5 },
  // Many short rounds, so that whatever else the machine does meets all servers alike
  cost: {
    rounds: 40,
    warmUp: 6000,
    connections: 20,
    requests: { me: 2000, user: 1000, refresh: 1000, livez: 2000 },
  },
  // Where nothing is written together
  single: { rounds: 8, warmUp: 1000, connections: 1, requests: 500 },
  workers: { rounds: 24, warmUp: 8000, connections: 20, requests: { me: 3000, refresh: 1500 } },
  scenarios: { rounds: 3, seconds: 3, warmUpSeconds: 1 },
  statements: { seconds: 2 },
  storm: {
    rounds: 4,
    warmUp: { connections: 20, amount: 6000 },
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
  mixed: { ...full.mixed, idleSeconds: 1, warmUpSeconds: 0.5, rounds: 1, seconds: 2 },
  cost: { ...full.cost, rounds: 2, warmUp: 200, requests: { me: 200, user: 200, refresh: 200, livez: 200 } },
  single: { ...full.single, rounds: 2, warmUp: 50, requests: 50 },
  workers: { ...full.workers, rounds: 2, warmUp: 200, requests: { me: 200, refresh: 200 } },
  scenarios: { rounds: 1, seconds: 0.5, warmUpSeconds: 0.2 },
  statements: { seconds: 0.5 },
  storm: {
    ...full.storm,
    warmUp: { connections: 20, amount: 200 },
    rounds: 1,
    loopSeconds: 1,
    calmSeconds: 1,
    settleSeconds: 1,
    stormSeconds: 3,
  },
  boundSeconds: 240,
};

/** `--soak`: ten minutes of mixed load. */
const soaked = { ...full, mixed: { ...full.mixed, rounds: 60 }, boundSeconds: 2400 };

export const plan = quick ? short : options.soak ? soaked : full;
