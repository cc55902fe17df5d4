// A few milliseconds of work, when each item costs some tenths of one
const sliceLength = 10;

/** Does work that comes in thousands a few at a time, so that everything else gets its turn in between. */
export function inSlices<Item>(work: (item: Item) => void): (item: Item) => void {
  const pending: Item[] = [];
  let isWaiting = false;
  const turn = () => {
    for (const item of pending.splice(0, sliceLength)) work(item);
    isWaiting = pending.length > 0;
    if (isWaiting) setImmediate(turn);
  };
  return (item) => {
    pending.push(item);
    if (!isWaiting) setImmediate(turn);
    isWaiting = true;
  };
}
