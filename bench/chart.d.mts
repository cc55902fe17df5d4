import type { Figure } from './figures.mjs';

export function chart(result: {
  figures: Figure[];
  machine: { cores: number; cpu: string; node: string; postgres: string };
  commit: string;
  isDirty: boolean;
}): string;
