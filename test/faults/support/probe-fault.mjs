import { setTimeout as sleep } from 'node:timers/promises';
import { conclude, latencyBroken, phase, withoutFailures } from './bars.mjs';
import { createCluster } from './cluster.mjs';
import { registerAndLogIn } from './hostile.mjs';
import { startObserver } from './observer.mjs';
import { startReplica } from './service.mjs';

const unreadyWithinMs = 2000;
const readyWithinMs = 1000;

/**
 * Lets a fault happen and holds the probes to their promises: /livez answers 200, in time for an orchestrator, and /readyz
 * changes when it should and not else.
 *
 * @param {object} options
 * @param {(at: { cluster, replica, token, short, log }) => Promise<{ began: number, ended: number, saw: string, broken?: string[] }>} options.inject
 *   causes the fault and ends it; times are those of Date.now(); `broken` says why it was not the fault that it should be
 * @param {string} [options.reason] why /readyz is 503 meanwhile; without one it stays 200
 */
export async function probeFault({ short, log, inject, reason, env }) {
  const cluster = await createCluster();
  const replica = await startReplica({ databaseUrl: cluster.url(), env });
  const token = await registerAndLogIn(replica.origin);
  const observer = await startObserver({ origin: replica.origin, token });
  await sleep(1000);
  const calmFrom = Date.now();
  await sleep(short ? 3000 : 5000);
  const { began, ended, saw, broken: uncaused = [] } = await inject({ cluster, replica, token, short, log });
  await sleep(short ? 3000 : 6000);
  const seen = await observer.stop();
  const calm = phase(seen, [[calmFrom, began]]);
  const during = phase(seen, [[began, ended]]);
  const broken = [
    ...uncaused,
    ...latencyBroken(calm, during, { asProbe: true }),
    ...(seen.restarts() > 0 ? [`an orchestrator would have restarted it ${seen.restarts()} times`] : []),
    ...readinessBroken(seen.transitions, { began, ended, reason }),
    ...(replica.isRunning() ? [] : ['the process has ended']),
  ];
  const readyz = seen.transitions.map(({ at, ready, reason: why }) => ({
    ms: Math.round(at - began),
    ready,
    why,
  }));
  const result = {
    saw: `${saw}; /livez p99 ${during.livez.p99Ms} ms (${calm.livez.p99Ms} in calm), no restart; ${describe(seen.transitions, { began, ended })}`,
    ...(reason && { recoveredMs: Math.max(0, (seen.transitions.at(-1)?.at ?? ended) - ended) }),
    figures: { calm: withoutFailures(calm), during: withoutFailures(during), readyz, endedMs: ended - began },
  };
  return conclude({ broken, calm, result });
}

function readinessBroken([first, ...changes], { began, ended, reason }) {
  if (!first?.ready) return ['/readyz was not 200 before the fault'];
  if (reason === undefined) return changes.map((change) => `/readyz changed: ${JSON.stringify(change)}`);
  const [left, back] = changes;
  if (changes.length !== 2) return [`/readyz changed ${changes.length} times: ${JSON.stringify(changes)}`];
  const broken = [];
  if (left.reason !== reason) broken.push(`/readyz named ${left.reason}, not ${reason}`);
  if (left.at - began > unreadyWithinMs)
    broken.push(`/readyz was 503 after ${Math.round(left.at - began)} ms`);
  if (back.at - ended > readyWithinMs)
    broken.push(`/readyz was 200 again ${Math.round(back.at - ended)} ms after the end`);
  return broken;
}

function describe([, left, back], { began, ended }) {
  if (left === undefined) return '/readyz 200 throughout';
  const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;
  return `/readyz 503 after ${seconds(left.at - began)}, 200 again ${seconds(Math.max(0, (back?.at ?? Number.NaN) - ended))} after the end`;
}
