/** What a run has measured of one thing. */
export interface Figure {
  id: string;
  label: string;
  unit: string;
  median: number;
  min: number;
  max: number;
  /** What each round gave. */
  values: number[];
}
