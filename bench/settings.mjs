import { settingsSchema } from '../dist/config/schema.js';

/** `npm run bench -- --quick`: every part runs, but for too short a time for its figures to mean anything. */
export const quick = process.argv.includes('--quick');

/** How much is measured: just under three minutes in all. */
const full = {
  // Each has a session of its own
  connections: 20,
  // Many short rounds, so that whatever else the machine does meets both services alike
  cost: { rounds: 24, warmUp: 6000, requests: { me: 1000, refresh: 500 } },
  storm: {
    rounds: 2,
    loopSeconds: 4,
    calmSeconds: 4,
    settleSeconds: 2,
    stormSeconds: 7,
    loginsPerThread: 4,
    meRate: 200,
    livezRate: 50,
  },
  // A run that takes longer gives up, tidies up and fails
  boundSeconds: 400,
};

export const plan = quick
  ? {
      ...full,
      cost: { rounds: 2, warmUp: 200, requests: { me: 200, refresh: 100 } },
      storm: { ...full.storm, rounds: 1, loopSeconds: 1, calmSeconds: 1, settleSeconds: 1, stormSeconds: 3 },
    }
  : full;

export const bars = {
  costRatio: 1.35,
  meP99Ms: 50,
  livezP99Ms: 20,
  loginShare: 0.9,
};

/** Gatehouse's default for a setting, so that the bare service and the hash loop do as it does. */
export function defaultOf(setting) {
  const value = settingsSchema.properties[setting]?.default;
  if (value === undefined) throw new Error(`${setting} is not a setting with a default`);
  return value;
}
