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
  isQuick: boolean;
  machine: Record<string, string | number>;
}
