/** How many of so many threads each place of a crew gets, from 0 on: the first ones what is left over, and each at least one. */
export function shareOf(threads: number, { place, size }: { place: number; size: number }): number {
  return Math.max(1, Math.floor(threads / size) + (place < threads % size ? 1 : 0));
}
