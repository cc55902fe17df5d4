import type { Summary } from './rounds.mjs';

/** What a run has measured of one thing. */
export interface Figure {
  id: string;
  label: string;
  unit: string;
  median: number;
  min: number;
  max: number;
  /** What each round gave. */
  values: number[];
}

interface Scenario {
  name: string;
  isFloor?: boolean;
  perSecond: Summary;
  p50: Summary;
  p99: Summary;
  micros: Summary;
  livezP99: Summary;
}

interface Measured {
  mixed?: {
    scenario: Scenario;
    memory: { idle: number; after: number; peak: number; growth: number; loadSeconds: number };
    late: Summary;
  };
  scenarios?: Scenario[];
}

export function figuresOf(result: Measured): Figure[];
