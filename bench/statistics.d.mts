export function quantile(values: Iterable<number>, q: number): number | undefined;
export function median(values: Iterable<number>): number | undefined;
export function spread(values: Iterable<number>): { min: number | undefined; max: number | undefined };
