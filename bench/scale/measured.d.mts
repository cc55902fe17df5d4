import type { Inputs } from './day.d.mts';

export const measuredFile: URL;
export function readMeasured(): Inputs['measured'];
export function measuredBy(scale: object, bench: object): Inputs['measured'];
