import { randomBytes } from 'node:crypto';

/** How much is measured, and what it is held to. Everything together stays under three minutes. */
export const plan = {
  /** Connections of the load generator, each with a session of its own. */
  connections: 20,
  /** Many short rounds rather than a few long ones: what else the machine does then meets both services alike. */
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
  /** Nothing here should take so long; the run then gives up, tidies up and fails. */
  boundSeconds: 400,
};

export const bars = {
  costRatio: 1.35,
  meP99Ms: 50,
  livezP99Ms: 20,
  loginShare: 0.9,
};

/** Gatehouse's defaults, named where the floor or the bare hash loop has to do the same. */
export const defaults = {
  bcryptCost: 12,
  poolSize: 10,
  issuer: 'gatehouse',
  audience: 'gatehouse',
  accessTokenSeconds: 900,
  refreshGraceSeconds: 10,
};

/** Both services get the same, so that each takes the other's tokens. */
export function newSecrets() {
  return {
    SECRET_KEY: randomBytes(32).toString('base64url'),
    REFRESH_TOKEN_SECRET: randomBytes(32).toString('base64url'),
  };
}
