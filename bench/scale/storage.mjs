// What the data takes on disk, and what an hour of refreshes does to it.
import pg from 'pg';
import { connectionOptions } from '../../dist/storage/connection.js';
import { drawLogin, drawRefresh } from './latency.mjs';
import { connect } from './load.mjs';
import { accessTokenSeconds, plan } from './settings.mjs';

/** Bytes of each table and each index. */
export async function sizesOf(client) {
  const { rows } = await client.query(
    `SELECT relname AS name, pg_table_size(relid)::float8 AS bytes, NULL AS tbl FROM pg_stat_user_tables
     WHERE relname IN ('users', 'refreshaccesstokens')
     UNION ALL
     SELECT indexrelname, pg_relation_size(indexrelid)::float8, relname FROM pg_stat_user_indexes
     WHERE relname IN ('users', 'refreshaccesstokens')
     ORDER BY name`,
  );
  const of = (table) => rows.filter(({ name, tbl }) => name === table || tbl === table);
  const total = (table) => of(table).reduce((sum, { bytes }) => sum + bytes, 0);
  return {
    relations: rows.map(({ name, tbl, bytes }) => ({ name, table: tbl ?? name, bytes })),
    users: total('users'),
    sessions: total('refreshaccesstokens'),
  };
}

/**
 * The bytes of the log that a refresh and a login write. The first change of a page since a checkpoint writes the whole
 * page, so each sample is taken twice: right after a checkpoint, and again.
 */
export async function measureWal({ url, population, progress }) {
  const client = await connect(url);
  const side = { client: await serviceClient(url), population };
  try {
    return {
      refresh: await walOf(client, (id) => drawRefresh(side, id), population.randomLiveSession),
      login: await walOf(client, (id) => drawLogin(side, id), population.randomUser),
    };
  } finally {
    progress('measured the log that refreshes and logins write');
    await side.client.end();
    await client.end();
  }
}

async function walOf(client, draw, pick) {
  const ids = new Set();
  while (ids.size < plan.walSample) ids.add(pick());
  await client.query('CHECKPOINT');
  const bytesEach = async () => {
    const before = await position(client);
    for (const id of ids) await draw(id)();
    return ((await position(client)) - before) / ids.size;
  };
  const withPages = await bytesEach();
  return { withPages, withoutPages: await bytesEach() };
}

/** Where the next record goes, as what is written already lags behind: nobody here waits for the disk. */
async function position(client) {
  const { rows } = await client.query(
    `SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::float8 AS bytes`,
  );
  return rows[0].bytes;
}

// Whose clients are at work: anybody's, each on a page of its own, or those opened last, which lie side by side
const pickers = { spread: pickSpread, newest: pickNewest };

/** An hour's worth of refreshes of sessions all over the table, and one of those that were opened last. */
export async function measureHours(side) {
  const hours = {};
  for (const [name, pick] of Object.entries(pickers)) hours[name] = await measureHour(side, name, pick);
  return hours;
}

/**
 * An hour's worth of refreshes as fast as they go: the active clients each refresh when their access token ends, in
 * another order each time.
 */
async function measureHour({ url, population, progress }, name, pick) {
  const client = await connect(url);
  const workers = await Promise.all(
    Array.from({ length: plan.refreshConnections }, () => serviceClient(url)),
  );
  try {
    const active = pick(population, Math.round(population.sessions * plan.activeShare));
    const turns = Math.round(3600 / accessTokenSeconds);
    const before = await state(client);
    const logBefore = await position(client);
    const began = performance.now();
    for (let turn = 1; turn <= turns; turn++) {
      await refreshAll(shuffled(active), workers, population);
      progress(
        `an hour of refreshes, ${name}: ${turn} of ${turns} turns of ${active.length.toLocaleString('en')}`,
      );
    }
    const seconds = (performance.now() - began) / 1000;
    const refreshes = active.length * turns;
    const wal = ((await position(client)) - logBefore) / refreshes;
    // The workers report what they have counted when they end, at the latest
    for (const worker of workers.splice(0)) await worker.end();
    const after = await stateOnce(client, before.updates + refreshes);
    return {
      active: active.length,
      refreshes,
      seconds,
      wal,
      hotShare: (after.hot - before.hot) / (after.updates - before.updates),
      deadRows: after.dead,
      autovacuums: after.autovacuums - before.autovacuums,
      before: before.sizes,
      after: after.sizes,
    };
  } finally {
    for (const worker of workers) await worker.end();
    await client.end();
  }
}

/** As the service connects, but for the wait for the disk: it takes most of the time, and changes nothing that is counted here. */
async function serviceClient(url) {
  const client = new pg.Client({ ...connectionOptions(url), options: '-c synchronous_commit=off' });
  client.on('error', () => {});
  await client.connect();
  return client;
}

async function refreshAll(ids, workers, population) {
  let next = 0;
  const work = async (client) => {
    while (next < ids.length) await drawRefresh({ client, population }, ids[next++])();
  };
  await Promise.all(workers.map(work));
}

function pickNewest(population, count) {
  const active = [];
  for (let id = population.sessions; active.length < count && id > 0; id--) {
    if (population.isAlive(id)) active.push(id);
  }
  return active;
}

function pickSpread(population, count) {
  const active = new Set();
  while (active.size < count) active.add(population.randomLiveSession());
  return [...active];
}

function shuffled(values) {
  const result = [...values];
  for (let last = result.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    [result[last], result[other]] = [result[other], result[last]];
  }
  return result;
}

async function state(client) {
  await client.query('SELECT pg_stat_clear_snapshot()');
  const { rows } = await client.query(
    `SELECT n_tup_upd::float8 AS updates, n_tup_hot_upd::float8 AS hot, n_dead_tup::float8 AS dead,
       autovacuum_count::int AS autovacuums
     FROM pg_stat_user_tables WHERE relname = 'refreshaccesstokens'`,
  );
  return { ...rows[0], sizes: await sizesOf(client) };
}

/** The state once so many updates have been counted; what comes late is waited for, ten seconds at most. */
async function stateOnce(client, updates) {
  for (let attempt = 0; attempt < 100; attempt++) {
    const found = await state(client);
    if (found.updates >= updates) return found;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return state(client);
}
