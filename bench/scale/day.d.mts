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
  hashesPerLogin: number;
  visits: number[];
  accessTokenSeconds: number;
}

interface Wal {
  withPages: number;
  withoutPages: number;
}

export interface Measured {
  from: { scale: string; bench: string };
  service: Rates;
  server: Rates;
  hashMs: number;
  hashShare: number;
  wal: { refresh: Wal; login: Wal };
  bytes: Record<
    | 'user'
    | 'session'
    | 'sessionRow'
    | 'userIndexes'
    | 'sessionIndexes'
    | 'userRandomIndexes'
    | 'sessionRandomIndexes',
    number
  >;
}

interface Planning {
  hashThreadsPerReplica: number;
  spareReplicas: number;
  eventLoopShare: number;
  postgresShare: number;
  postgresCores: number[];
  wal: { megabytesPerSecond: number; share: number };
  checkpointSeconds: number;
  poolSize: number;
  connectionsBesidesPool: number;
  connectionsOfOthers: number;
  randomIndexGrowth: number;
}

export interface Inputs {
  measured: Measured;
  people: People;
  planning: Planning;
}

export type Resource = 'eventLoops' | 'hashThreads' | 'postgres' | 'wal';

export interface Peak {
  name: Resource;
  quarter: number;
  peak: number;
  rates: Rates;
}

export interface Capacity {
  forHashes: number;
  forLoops: number;
  replicas: number;
  postgresCores: number;
  planned: Record<Resource, number>;
}

export function simulateDay(options: { people: People; seed?: number }): Day;
export function demandOf(rates: Rates, inputs: Inputs): Record<Resource, number>;
export function maxWalSizeFor(wal: number, seconds: number): number;
export function logWith(maxWalSize: number, rates: Rates, inputs: Inputs): { seconds: number; wal: number };
export function capacityFor(day: Day, inputs: Inputs): Capacity;
export function limitsOf(
  day: Day,
  inputs: Inputs,
  capacity?: Capacity,
): (Peak & { planned: number; share: number })[];
