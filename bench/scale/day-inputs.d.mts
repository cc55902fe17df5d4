import type { Inputs } from './day.d.mts';

export const measured: Inputs['measured'];
export const people: Inputs['people'];
export const planning: Inputs['planning'];
