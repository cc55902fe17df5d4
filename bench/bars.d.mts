import type { Figure } from './figures.mjs';

export interface Verdict {
  name: string;
  figure?: Figure;
  sign: '≤' | '≥';
  limit: number;
  passes: boolean;
}

export const bars: readonly { figure: string; sign: '≤' | '≥'; limit: number }[];
export function judge(figures: Figure[], options: { isWhole: boolean }): Verdict[];
