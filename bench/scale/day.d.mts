export interface Rates {
  me: number;
  refresh: number;
  login: number;
}

/** By the quarter of an hour. */
export type Day = Record<keyof Rates, Float64Array>;

export interface People {
  users: number;
  sessionsPerUser: number;
  activeShare: number;
  visitsPerDay: number;
  visitMinutes: number;
  meSecondsApart: number;
  loginShare: number;
  visits: number[];
  accessTokenSeconds: number;
}

interface Wal {
  withPages: number;
  withoutPages: number;
}

interface Measured {
  service: Rates;
  server: Rates;
  hashMs: number;
  hashShare: number;
  wal: { refresh: Wal; login: Wal };
  sessionsPerPage: number;
}

export type Resource = 'eventLoops' | 'hashThreads' | 'postgres' | 'wal';

type Capacity = Record<Resource, { has: number; planned: number; of: string }> & {
  checkpointSeconds: number;
};

export interface Inputs {
  measured: Measured;
  people: People;
  capacity: Capacity;
}

export function simulateDay(options: { people: People; seed?: number }): Day;
export function demandOf(rates: Rates, inputs: Inputs): Record<Resource, number>;
export function limitsOf(
  day: Day,
  inputs: Inputs,
): { name: Resource; of: string; peak: number; planned: number; share: number; quarter: number }[];
