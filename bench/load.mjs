import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { stop } from './server-process.mjs';

/** Starts the load generator: one process for the whole run, so that it is as warm in the last round as in the first. */
export function startLoad() {
  const child = fork(fileURLToPath(new URL('load-generator.mjs', import.meta.url)));
  const waiting = new Map();
  let lastId = 0;
  child.on('message', ({ id, result, error }) => {
    const { resolve, reject } = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) resolve(result);
    else reject(new Error(error));
  });
  child.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('the load generator ended'));
  });
  const run = (kind) => (options) =>
    new Promise((resolve, reject) => {
      waiting.set(++lastId, { resolve, reject });
      child.send({ id: lastId, kind, options });
    });
  return {
    meInTurn: run('meInTurn'),
    refreshInTurn: run('refreshInTurn'),
    loginStorm: run('loginStorm'),
    fixedRate: run('fixedRate'),
    stop: () => stop(child),
  };
}
