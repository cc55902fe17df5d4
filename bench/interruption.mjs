/** Rejects on Ctrl-C, on SIGTERM and when the run takes longer than its bound. */
export function interruption(boundSeconds) {
  return new Promise((_, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.on(signal, () => reject(new Error(`stopped by ${signal}`)));
    }
    const late = () => reject(new Error(`not done after ${boundSeconds} s`));
    setTimeout(late, boundSeconds * 1000).unref();
  });
}
