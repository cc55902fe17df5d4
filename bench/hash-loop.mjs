import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { loadEngine } from '../dist/passwords/engine.js';
import { defaultOf } from './defaults.mjs';

/**
 * What the machine can hash when it does nothing else: the same engine in a bare loop on as many threads.
 *
 * @param {{ engine: string, threads: number, seconds: number }} options
 * @returns {Promise<number>} hashes per second of all threads together
 */
export async function hashLoop(options) {
  const workers = Array.from(
    { length: options.threads },
    () =>
      new Worker(new URL(import.meta.url), { workerData: { ...options, cost: defaultOf('BCRYPT_COST') } }),
  );
  // All start together, once the last one has warmed up
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const rates = workers.map((worker) => once(worker, 'message'));
  for (const worker of workers) worker.postMessage('start');
  return (await Promise.all(rates)).reduce((sum, [rate]) => sum + rate, 0);
}

// Any salt costs the same
const settingAt = (cost) => `$2b$${String(cost).padStart(2, '0')}$abcdefghijklmnopqrstuu`;

async function loop({ engine, cost, seconds }) {
  const { bcrypt } = await loadEngine(engine);
  bcrypt('warm up', settingAt(Math.min(cost, 10)));
  parentPort.postMessage('ready');
  await once(parentPort, 'message');
  const began = performance.now();
  let hashes = 0;
  do {
    bcrypt('a password of usual length', settingAt(cost));
    hashes++;
  } while (performance.now() - began < seconds * 1000);
  parentPort.postMessage((hashes * 1000) / (performance.now() - began));
}

if (!isMainThread) await loop(workerData);
