import type { Figure } from './figures.mjs';

export interface Compared {
  id: string;
  label: string;
  unit: string;
  a: Figure;
  b: Figure;
  ratio: number;
  differs?: boolean;
}

export function compare(a: { figures: Figure[] }, b: { figures: Figure[] }): Compared[];
export function doubts(a: Measured, b: Measured): string[];

interface Measured {
  date: string;
  isIncomplete?: boolean;
  mixed?: { memory: { loadSeconds: number } };
  machine: Record<string, string | number>;
}
