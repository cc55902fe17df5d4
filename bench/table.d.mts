export function number(value: number | undefined): string;
export function telling(value: number, limit: number): string;
