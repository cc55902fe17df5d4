import type { Client } from 'pg';
import type { Statement } from '../../src/storage/query.ts';

export interface Explained {
  name: string;
  plan: Record<string, unknown>;
  sequential: string[];
  fetched: number;
}

export interface Bounds {
  sessionsPerUserMax: number;
  batchRows: number;
  backlogRows: number;
}

export const boundedSorts: Record<string, string>;
export function explain(client: Client, statement: Statement): Promise<Explained>;
export function faultsOf(explained: Explained, bounds: Bounds): string[];
