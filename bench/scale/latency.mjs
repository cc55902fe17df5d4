import pg from 'pg';
import { connectionOptions } from '../../dist/storage/connection.js';
import {
  countExpiredSessions,
  deleteExpiredSessions,
  deleteIdleSessions,
} from '../../dist/storage/expired-sessions.js';
import { insertSession, rotateSession, selectSessions } from '../../dist/storage/sessions.js';
import { selectCredentials, selectUserBySession } from '../../dist/storage/users.js';
import { median, quantile, spread } from '../statistics.mjs';
import { backendClock } from './backend.mjs';
import { emailOf, handleHashOf, passwordOf } from './population.mjs';
import {
  backlogRows,
  bar,
  batchRows,
  idleDays,
  lifetimeDays,
  plan,
  refreshGraceSeconds,
  sessionsPerUserMax,
} from './settings.mjs';

/** Bytes of a handle's hash that no session has yet. */
const newHandle = () =>
  Buffer.from(handleHashOf(Math.floor(Math.random() * 2 ** 32)).replace(/^.{8}/, 'feedfeed'), 'hex');

/**
 * What is measured. `draw` picks whom it is about, and what it gives is what is timed; it throws when the statement did
 * not do what it is there for. `undone` are those that would leave less to do for the next call.
 */
const statements = [
  { name: 'delete_expired_sessions', kind: 'batch', undone: true, draw: drawExpired },
  { name: 'delete_idle_sessions', kind: 'batch', undone: true, draw: drawIdle },
  { name: 'count_expired_sessions', kind: 'batch', draw: drawCount },
  { name: 'select_user_by_session', kind: 'read', draw: drawMe },
  { name: 'select_sessions', kind: 'read', draw: drawSessions },
  { name: 'select_credentials', kind: 'read', draw: drawCredentials },
  { name: 'rotate_session', kind: 'write', draw: drawRefresh },
  // Last, as it adds sessions
  { name: 'insert_session', kind: 'write', draw: drawLogin },
];

/** Measures every statement against both databases, call by call in turn. */
export async function measureLatencies({ small, big, checkpoint, progress }) {
  const sides = await Promise.all([small, big].map(connected));
  try {
    const results = [];
    for (const statement of statements)
      results.push(await measure(statement, sides, { checkpoint, progress }));
    return results;
  } finally {
    for (const { client } of sides) await client.end();
  }
}

/** The median of what the pruner's own count takes, where as many wait as it counts: milliseconds. */
export async function measureBacklog(side) {
  const { client } = await connected(side);
  const taken = [];
  try {
    for (let call = 0; call < plan.calls.batch; call++) {
      const began = performance.now();
      const { rows } = await countExpiredSessions(client, { from: '-infinity', maxRows: backlogRows });
      taken.push({ ms: performance.now() - began, rows });
    }
  } finally {
    await client.end();
  }
  return { rows: taken[0].rows, ms: median(taken.map(({ ms }) => ms)) };
}

async function measure(statement, sides, { checkpoint, progress }) {
  for (const side of sides)
    await sample(statement, [side], Math.min(plan.warmUp, plan.calls[statement.kind]));
  // What the statement before has changed is written out now, and not meanwhile
  await checkpoint();
  const clocks = sides.map(({ clock }) => clock());
  const rounds = [];
  for (let round = 0; round < plan.rounds; round++) {
    const inTurn = round % 2 === 0 ? sides : sides.toReversed();
    const taken = await sample(statement, inTurn, plan.calls[statement.kind]);
    rounds.push(
      sides.map((side) => ({ p50: quantile(taken.get(side), 0.5), p99: quantile(taken.get(side), 0.99) })),
    );
  }
  const calls = plan.rounds * plan.calls[statement.kind];
  const figures = (index) => ({
    // Of the server's process, what undoing the statement costs included
    cpuMicros: (sides[index].clock() - clocks[index]) / calls || undefined,
    p50: median(rounds.map((each) => each[index].p50)),
    p99: median(rounds.map((each) => each[index].p99)),
  });
  const ratios = rounds.map(([small, big]) => big.p99 / small.p99);
  const ratio = { median: median(ratios), ...spread(ratios) };
  progress(`${statement.name}: p99 ${ratio.median.toFixed(2)} ×`);
  const { name, kind } = statement;
  return { name, kind, small: figures(0), big: figures(1), ratio, passes: ratio.median <= bar };
}

/** Milliseconds of each call, by side. */
async function sample({ draw, undone }, sides, calls) {
  const taken = new Map(sides.map((side) => [side, []]));
  for (let call = 0; call < calls; call++) {
    for (const side of sides) {
      const run = draw(side);
      if (undone) await side.client.query('BEGIN');
      const began = performance.now();
      await run();
      taken.get(side).push(performance.now() - began);
      if (undone) await side.client.query('ROLLBACK');
    }
  }
  return taken;
}

/** One connection as the service has them, which keeps its prepared statements. */
async function connected({ url, population }) {
  const client = new pg.Client(connectionOptions(url));
  client.on('error', () => {});
  await client.connect();
  return { client, population, clock: await backendClock(client) };
}

function check(holds, name) {
  if (!holds) throw new Error(`${name} did not find what it should have`);
}

function drawExpired({ client, population }) {
  const batch = { from: population.randomEnd(), maxRows: batchRows };
  return async () =>
    check((await deleteExpiredSessions(client, batch)).deleted > 0, 'delete_expired_sessions');
}

/** A window of the walk somewhere among sessions that are old enough: as many of them are idle in both databases. */
function drawIdle({ client, population }) {
  const window = { after: population.randomOldSession(), maxRows: batchRows };
  return async () => check((await deleteIdleSessions(client, window)).deleted > 0, 'delete_idle_sessions');
}

/**
 * Of the pruner's statement, no more than there are in both, so that both count as many. The pruner asks for a hundred times
 * that, which measureBacklog takes of the large one.
 */
function drawCount({ client }) {
  const batch = { from: '-infinity', maxRows: batchRows };
  return async () => check((await countExpiredSessions(client, batch)).rows > 0, 'count_expired_sessions');
}

function drawMe({ client, population }) {
  const sessionId = population.randomLiveSession();
  const session = { sessionId, userId: population.userOf(sessionId) };
  return async () => check(await selectUserBySession(client, session), 'select_user_by_session');
}

function drawSessions({ client, population }) {
  const userId = population.userOf(population.randomLiveSession());
  return async () => check((await selectSessions(client, userId)).length > 0, 'select_sessions');
}

function drawCredentials({ client, population }) {
  const email = emailOf(population.randomUser());
  return async () => check(await selectCredentials(client, email), 'select_credentials');
}

export function drawRefresh({ client, population }, sessionId = population.randomLiveSession()) {
  const generation = population.generationOf(sessionId);
  const presented = { handleHash: Buffer.from(handleHashOf(sessionId), 'hex'), generation };
  return async () => {
    const row = await rotateSession(client, presented, refreshGraceSeconds);
    check(row?.advanced, 'rotate_session');
    population.advanced(sessionId, generation + 1);
  };
}

export function drawLogin({ client, population }, userId = population.randomUser()) {
  const session = {
    userId,
    passwordHash: passwordOf(userId),
    handleHash: newHandle(),
    lifetimeSeconds: lifetimeDays * 86_400,
    idleSeconds: idleDays * 86_400,
    userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
    ip: '192.0.2.1',
    sessionsPerUserMax,
  };
  return async () => check(await insertSession(client, session), 'insert_session');
}
