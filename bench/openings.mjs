/**
 * Keeps what a run has opened, to close it in the end.
 *
 * @param {(message: string) => void} progress told what could not be closed
 */
export function openings(progress) {
  const closings = [];
  return {
    /** Waits for something to open; gives it. It is closed by its `stop`, unless told otherwise. */
    async open(opening, close = (thing) => thing.stop()) {
      const thing = await opening;
      closings.push(() => close(thing));
      return thing;
    },
    /** Closes all of it, newest first, each even if another cannot be. */
    async closeAll() {
      for (const close of closings.splice(0).reverse())
        await close().catch((error) => progress(error.message));
    },
  };
}
