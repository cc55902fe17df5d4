export function alternate<Subject, Result>(
  rounds: number,
  subjects: Record<string, Subject>,
  measure: (subject: Subject, name: string) => Promise<Result>,
): Promise<Record<string, Result[]>>;
export interface Summary {
  median: number;
  min: number;
  max: number;
  /** What each round gave. */
  values: number[];
}
export function summarise(values: number[]): Summary;
export function summariseRatio(values: number[], others: number[]): Summary;
