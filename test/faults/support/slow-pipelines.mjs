import { setTimeout as sleep } from 'node:timers/promises';
import { login } from './requests.mjs';
import { Swarm } from './swarm.mjs';

// Each waits for a lock for 2 s, so that all of them take longer than a request may
const logins = 6;
const connections = 2;
const patience = 60_000;

/** What comes behind the logins, and never ends. */
const tails = {
  'a login without its last byte': login().slice(0, -1),
  'half a header that drips': 'GET /livez HTTP/1.1\r\nHost: gatehouse\r\nA: ',
};

/**
 * Pipelined logins that take longer than `requestTimeoutMs`, and behind them requests that are never complete.
 *
 * @param {{ cluster: object, replica: object, requestTimeoutMs: number, lateMs: number, drip: (swarms: Swarm[]) => { stop: () => void } }} options
 * @returns {Promise<{ broken: string[], slowestMs: number }>} milliseconds from the last answer to a login until the connection closes
 */
export async function slowPipelines({ cluster, replica, requestTimeoutMs, lateMs, drip }) {
  const other = await cluster.connect();
  await other.query('BEGIN');
  // What a login writes to; the good client only reads it
  await other.query('LOCK TABLE refreshaccesstokens IN SHARE MODE');
  const swarms = Object.entries(tails).map(([name, tail]) => ({
    name,
    tail,
    swarm: new Swarm(replica.port),
  }));
  for (const { swarm, tail } of swarms)
    await swarm.open(connections, { first: () => login().repeat(logins) + tail });
  const dripping = drip(swarms.filter(({ tail }) => tail.startsWith('GET')).map(({ swarm }) => swarm));
  const members = swarms.flatMap(({ swarm }) => swarm.members);
  const boundMs = requestTimeoutMs + lateMs;
  await untilOver(members, boundMs);
  dripping.stop();
  await other.query('ROLLBACK');
  await other.end();
  const broken = swarms.flatMap(({ name, swarm }) =>
    swarm.members.flatMap((member) =>
      problemsOf(member, requestTimeoutMs, boundMs).map((problem) => `${name}, behind logins: ${problem}`),
    ),
  );
  const slowestMs = Math.max(...members.map(openFor));
  for (const { swarm } of swarms) swarm.close();
  return { broken, slowestMs };
}

async function untilOver(members, boundMs) {
  const deadline = performance.now() + patience;
  const isOver = (member) => member.closedAfterMs !== undefined || openFor(member) > boundMs;
  while (!members.every(isOver) && performance.now() < deadline) await sleep(100);
}

/** Milliseconds since the last login had its answer. */
function openFor({ openedAt, closedAfterMs, answeredAt }) {
  const closedAt = closedAfterMs === undefined ? performance.now() : openedAt + closedAfterMs;
  return closedAt - (answeredAt[logins - 1] ?? closedAt);
}

function problemsOf(member, requestTimeoutMs, boundMs) {
  const { openedAt, closedAfterMs, answeredAt } = member;
  if (answeredAt.length < logins) return [`only ${answeredAt.length} of ${logins} logins were answered`];
  const loginsMs = answeredAt[logins - 1] - openedAt;
  return [
    ...(loginsMs < requestTimeoutMs ? [`the logins took ${Math.round(loginsMs)} ms, which is not slow`] : []),
    ...(closedAfterMs === undefined || openFor(member) > boundMs
      ? [`open for ${Math.round(openFor(member))} ms after the last login was answered`]
      : []),
  ];
}
