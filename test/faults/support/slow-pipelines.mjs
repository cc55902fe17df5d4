import { setTimeout as sleep } from 'node:timers/promises';
import { login } from './requests.mjs';
import { Swarm } from './swarm.mjs';

// Each waits for a lock for 2 s, so that all of them take longer than a request may
const logins = 6;
const connections = 2;
const patience = 60_000;

/** What comes behind the logins and never ends, and how long it may arrive when nothing comes before it. */
const tails = {
  'a login without its last byte': { tail: login().slice(0, -1), timeoutMs: 10_000 },
  'half a header that drips': {
    tail: 'GET /livez HTTP/1.1\r\nHost: gatehouse\r\nA: ',
    timeoutMs: 8000,
    drips: true,
  },
};

/**
 * Pipelined logins that take longer than a request may, and behind them requests that are never complete.
 *
 * @param {{ cluster: object, replica: object, boundMs: number, drip: (swarms: Swarm[]) => { stop: () => void } }} options
 *   `boundMs` from the last answer to a login until the connection must be closed
 * @returns {Promise<{ broken: string[], slowestMs: number }>} what it took
 */
export async function slowPipelines({ cluster, replica, boundMs, drip }) {
  const other = await cluster.connect();
  await other.query('BEGIN');
  // What a login writes to; the good client only reads it
  await other.query('LOCK TABLE refreshaccesstokens IN SHARE MODE');
  const kinds = Object.entries(tails).map(([name, kind]) => ({
    name,
    ...kind,
    swarm: new Swarm(replica.port),
  }));
  for (const { swarm, tail } of kinds)
    await swarm.open(connections, { first: () => login().repeat(logins) + tail });
  const dripping = drip(kinds.filter(({ drips }) => drips).map(({ swarm }) => swarm));
  const members = kinds.flatMap(({ swarm }) => swarm.members);
  await untilOver(members, boundMs);
  dripping.stop();
  await other.query('ROLLBACK');
  await other.end();
  const broken = kinds.flatMap(({ name, timeoutMs, swarm }) =>
    swarm.members.flatMap((member) =>
      problemsOf(member, timeoutMs, boundMs).map((problem) => `${name}, behind logins: ${problem}`),
    ),
  );
  const slowestMs = Math.max(...members.map(openFor));
  for (const { swarm } of kinds) swarm.close();
  return { broken, slowestMs };
}

async function untilOver(members, boundMs) {
  const deadline = performance.now() + patience;
  const isOver = (member) => member.closedAfterMs !== undefined || openFor(member) > boundMs;
  while (!members.every(isOver) && performance.now() < deadline) await sleep(100);
}

/** Milliseconds since the last answer. */
function openFor({ openedAt, closedAfterMs, answeredAt }) {
  const closedAt = closedAfterMs === undefined ? performance.now() : openedAt + closedAfterMs;
  return closedAt - (answeredAt.at(-1) ?? openedAt);
}

/** The logins behind the one that is being answered when the time is over need not be: nobody is told of them. */
function problemsOf(member, timeoutMs, boundMs) {
  const { openedAt, closedAfterMs, answeredAt } = member;
  const answeringMs = (answeredAt.at(-1) ?? openedAt) - openedAt;
  return [
    ...(answeringMs < timeoutMs
      ? [
          `the last of ${answeredAt.length} logins was answered after ${Math.round(answeringMs)} ms, before the rest was late`,
        ]
      : []),
    ...(closedAfterMs === undefined || openFor(member) > boundMs
      ? [`open for ${Math.round(openFor(member))} ms after the last login was answered`]
      : []),
  ];
}
