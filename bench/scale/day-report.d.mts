import type { Inputs } from './day.d.mts';

export function renderDay(inputs?: Inputs): Record<'inputs' | 'arithmetic' | 'hours' | 'limits', string>;
