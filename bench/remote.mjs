import { fork } from 'node:child_process';
import { stop } from '../scripts/processes.mjs';

/**
 * Starts a script that calls `serveRemote`, in a process of its own for the whole run: as warm in the last round as in the first.
 *
 * @param {string} file
 * @param {string[]} kinds the functions that it serves; several may be under way at once
 * @returns an object with these functions, which take and give what JSON can say, `stop`, and the `pid` of the process
 */
export function startRemote(file, kinds, { env } = {}) {
  const child = fork(file, { env: { ...process.env, ...env } });
  const waiting = new Map();
  let lastId = 0;
  child.on('message', ({ id, result, error }) => {
    const { resolve, reject } = waiting.get(id) ?? {};
    waiting.delete(id);
    if (error === undefined) resolve?.(result);
    else reject?.(new Error(error));
  });
  const rejectAll = () => {
    for (const { reject } of waiting.values()) reject(new Error(`${file} ended`));
    waiting.clear();
  };
  child.on('exit', rejectAll);
  child.on('error', rejectAll);
  const ask = (kind) => (options) =>
    new Promise((resolve, reject) => {
      waiting.set(++lastId, { resolve, reject });
      child.send({ id: lastId, kind, options }, (error) => {
        if (error) reject(new Error(`${file} ended`));
      });
    });
  return {
    ...Object.fromEntries(kinds.map((kind) => [kind, ask(kind)])),
    stop: () => stop(child),
    pid: child.pid,
  };
}

/** Answers, in the process that was started, with these functions; ends with the process that started it. */
export function serveRemote(functions) {
  process.on('message', async ({ id, kind, options }) => {
    try {
      process.send({ id, result: await functions[kind](options) });
    } catch (error) {
      process.send({ id, error: error.message });
    }
  });
  process.on('disconnect', () => process.exit());
  // Ctrl-C in a terminal is sent to all of the run, whose own process then ends this one
  process.on('SIGINT', () => {});
}
