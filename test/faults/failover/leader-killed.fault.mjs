import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { audit } from '../support/audit.mjs';
import { quantile } from '../support/measure.mjs';
import { answersOf, endsWithinMs, failures, insist } from '../support/outcome.mjs';
import { createPatroniCluster, patroniNeeds } from '../support/patroni.mjs';
import { startReplica } from '../support/service.mjs';
import { startTraffic } from '../support/traffic.mjs';
import { watchProbes } from '../support/watch.mjs';

const kinds = ['register', 'login', 'refresh', 'me'];
const mix = {
  register: { users: 2, pause: 400 },
  login: { users: 2, pause: 400 },
  refresh: { users: 6, pause: 60 },
  me: { users: 4, pause: 60 },
};
// Of the lease that has to end, the promotion, and the checks of HAProxy
const outageBoundMs = 30_000;

export default {
  name: 'failover/leader-killed',
  promise:
    'The leader of a synchronous Patroni cluster is killed under load: writes go on with the other node, and none that was acknowledged is lost',
  needs: patroniNeeds,
  // It has a command of its own: npm run test:failover
  unnamed: false,
  async run({ short, log }) {
    const cluster = await createPatroniCluster();
    log('the cluster is whole');
    const replica = await startReplica({ databaseUrl: cluster.url(), env: { HASH_MAX_WAIT_MS: '4500' } });
    const traffic = await startTraffic({ origins: [replica.origin], mix });
    const probes = watchProbes(replica.origin);
    const { ledger } = traffic;
    const kills = [];
    for (let kill = 1; kill <= (short ? 1 : 5); kill += 1) {
      await sleep(3000);
      kills.push(await killLeader(cluster, ledger));
      const { outages } = kills.at(-1);
      log(`kill ${kill}: ${kinds.map((kind) => `${kind} ${outages[kind]} ms`).join(', ')}`);
    }
    await sleep(2000);
    const { standby } = await cluster.untilWhole();
    const lingering = await connectionsTo(standby);
    await Promise.all([traffic.stop(), probes.stop()]);
    const audited = await audit((sql) => cluster.ask(sql), ledger);
    return judge({ kills, lingering, ledger, probes, audited, replica });
  },
};

/** Gives the outage of each kind of request; resolves once the dead node is back as a standby. */
async function killLeader(cluster, ledger) {
  const { leader } = await cluster.untilWhole();
  const killedAt = performance.now();
  leader.kill();
  const isServed = (kind) =>
    ledger.requests.some((each) => each.kind === kind && isGood(each) && each.start > killedAt);
  const deadline = killedAt + outageBoundMs;
  // A read that was under way may still have been answered
  await sleep(2000);
  while (!kinds.every(isServed) && performance.now() < deadline) await sleep(50);
  const servedAt = performance.now();
  leader.start();
  await cluster.untilWhole();
  const outages = Object.fromEntries(kinds.map((kind) => [kind, outageOf(kind, ledger, killedAt)]));
  return { killedAt, servedAt, outages };
}

const isGood = ({ status }) => status < 400 || status === 409;

/** From the last success before the longest gap since the kill to the first one after it. */
function outageOf(kind, ledger, killedAt) {
  const ends = ledger.requests.filter((each) => each.kind === kind && isGood(each)).map(({ end }) => end);
  const before = ends.filter((end) => end <= killedAt).at(-1);
  const relevant = [before, ...ends.filter((end) => end > killedAt)];
  const gaps = relevant.slice(1).map((end, index) => end - relevant[index]);
  return gaps.length === 0 ? Number.POSITIVE_INFINITY : Math.round(Math.max(...gaps));
}

async function connectionsTo(node) {
  const client = new pg.Client({ connectionString: node.url('postgres') });
  await client.connect();
  const { rows } = await client.query(
    "SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name LIKE 'gatehouse%'",
  );
  await client.end();
  return rows[0].count;
}

function judge({ kills, lingering, ledger, probes, audited, replica }) {
  const refused = ({ status, code, retryAfter, ms }) =>
    status === 503 &&
    ['DATABASE_UNAVAILABLE', 'OVERLOADED'].includes(code) &&
    Number(retryAfter) >= 1 &&
    ms < endsWithinMs;
  const all = kills.flatMap(({ outages }) => Object.values(outages));
  const ofKind = (kind) => kills.map(({ outages }) => outages[kind]);
  const lasting = kinds.map(
    (kind) =>
      `${kind} ${(quantile(ofKind(kind), 0.5) / 1000).toFixed(1)} s (at most ${(Math.max(...ofKind(kind)) / 1000).toFixed(1)} s)`,
  );
  const unready = probes.transitions.filter(({ ready }) => !ready);
  return insist(
    {
      answers: failures(ledger.requests, refused),
      'writes go on': all.every((ms) => ms < outageBoundMs),
      'readiness goes and comes back each time':
        (unready.length === kills.length && probes.transitions.at(-1).ready) ||
        JSON.stringify(probes.transitions.map(({ ready, reason }) => [ready, reason])),
      'the process lives': replica.isRunning() && !replica.log().includes('"level":60'),
      'nothing lingers on the node that leads no more': lingering === 0 || `${lingering} connections`,
      lost: audited.lost,
      twice: audited.twice,
      violations: ledger.violations,
    },
    {
      saw: `${kills.length} kills, no answer but 503 in the outage; ${lasting.join(', ')}`,
      recoveredMs: quantile(all, 0.5),
      lost: audited.lost.length,
      figures: {
        kills: kills.map(({ outages }) => outages),
        answers: answersOf(ledger.requests),
        audited: audited.checked,
        loggedOut: ledger.loggedOut,
        readyz: probes.transitions.map(({ at, ready, reason }) => ({ ms: Math.round(at), ready, reason })),
        livezP99Ms: quantile(
          probes.lives.map(({ ms }) => ms),
          0.99,
        ),
      },
    },
  );
}
