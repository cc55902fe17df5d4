// Each item costs some tenths of a millisecond, and libuv accepts one new connection a turn
const sliceLength = 3;

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
