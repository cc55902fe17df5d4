export function alternate<Subject, Result>(
  rounds: number,
  subjects: Record<string, Subject>,
  measure: (subject: Subject, name: string) => Promise<Result>,
): Promise<Record<string, Result[]>>;
export function summarise(values: number[]): { median: number; min: number; max: number; rounds: number };
export function summariseRatio(values: number[], others: number[]): ReturnType<typeof summarise>;
