const tables = ['users', 'refreshaccesstokens'];

/** Sorts that are no fault, by the statement: each is over the sessions of one user. */
export const boundedSorts = {
  select_sessions: 'one user, the most recently used first',
  select_session_addresses: 'one user, each address once',
  delete_sessions_of_caller: 'one user, in the order in which rows are locked',
};

// How many rows a statement may read of a table, by what it is about; of the others, one
const perUser = [
  'insert_session',
  // They name a session and its user, and the planner may go by either
  'delete_session',
  'delete_session_of_caller',
  ...Object.keys(boundedSorts),
];
const perBatch = ['delete_expired_sessions', 'delete_idle_sessions'];
// A statement whose plan is not shown, as that of open_session, may look at its rows so many times, and so sorts no more
const timesRead = 4;
// The planner looks up the ends of an index
const readToPlan = 10;

function mostRows(name, { sessionsPerUserMax, batchRows, backlogRows }) {
  if (perUser.includes(name)) return sessionsPerUserMax;
  if (perBatch.includes(name)) return batchRows;
  return name === 'count_expired_sessions' ? backlogRows : 1;
}

/**
 * The plan by which a prepared statement runs once the server has settled on one for all values, and what running it has
 * read. What it has changed is undone.
 *
 * @param {import('pg').Client} client
 * @param {import('../../src/storage/query.ts').Statement} statement
 */
export async function explain(client, { name, text, values }) {
  await client.query('BEGIN');
  try {
    await client.query('SET LOCAL plan_cache_mode = force_generic_plan');
    await client.query(`PREPARE ${name} AS ${text}`);
    const before = await scans(client);
    const literals = values.map((value) => literal(client, value)).join(', ');
    const { rows } = await client.query(
      `EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) EXECUTE ${name} ${literals && `(${literals})`}`,
    );
    const after = await scans(client);
    const [{ Plan: plan }] = rows[0]['QUERY PLAN'];
    return {
      name,
      plan,
      sequential: tables.filter((table) => after[table].scans > before[table].scans),
      fetched: tables.reduce((sum, table) => sum + after[table].rows - before[table].rows, 0),
    };
  } finally {
    await client.query('ROLLBACK');
    await client.query('DEALLOCATE ALL');
  }
}

/**
 * What is wrong with a plan: sequential scans, also those of functions and foreign keys, whose plans are not shown; indexes
 * that are read from one end to the other; more rows read than the statement is about; sorts that are not over the sessions
 * of one user.
 *
 * @param {{ sessionsPerUserMax: number, batchRows: number, backlogRows: number }} bounds
 * @returns {string[]}
 */
export function faultsOf({ name, plan, sequential, fetched }, bounds) {
  const { sessionsPerUserMax } = bounds;
  const most = mostRows(name, bounds);
  const faults = sequential.map((table) => `${name} scans ${table} sequentially`);
  if (fetched > timesRead * most + readToPlan) faults.push(`${name} fetches ${fetched} rows`);
  for (const node of nodesOf(plan)) {
    const type = node['Node Type'];
    const table = node['Relation Name'];
    if (type === 'Seq Scan') faults.push(`${name} plans to scan ${table} sequentially`);
    // The greatest id is the last of its index, for which no condition is needed
    if (/^Index (Only )?Scan/.test(type) && node['Index Cond'] === undefined && node['Actual Rows'] > 1) {
      faults.push(`${name} walks ${node['Index Name']} without a condition`);
    }
    if (tables.includes(table) && rowsRead(node) > most)
      faults.push(`${name} reads ${rowsRead(node)} rows of ${table}`);
    if (!/Sort$/.test(type)) continue;
    if (!(name in boundedSorts)) faults.push(`${name} sorts by ${node['Sort Key']}`);
    if (node['Actual Rows'] > sessionsPerUserMax) faults.push(`${name} sorts ${node['Actual Rows']} rows`);
  }
  return faults;
}

/** How it reads the two tables, in a line. */
export function summaryOf({ name, plan }) {
  const reads = nodesOf(plan)
    .filter((node) => node['Index Name'] !== undefined)
    .map((node) => `${node['Node Type'].replace(/ using.*/, '')} of ${node['Index Name']}`);
  const pages = plan['Shared Hit Blocks'] + plan['Shared Read Blocks'];
  return { name, reads: [...new Set(reads)], pages, read: plan['Shared Read Blocks'] };
}

/** What a scan found and what it threw away. Rows are a mean of the times that it ran. */
function rowsRead(node) {
  if (!/Scan$/.test(node['Node Type'])) return 0;
  const removed = (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
  return Math.round((node['Actual Rows'] + removed) * node['Actual Loops']);
}

function nodesOf(plan) {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

/** Sequential scans that this transaction has begun, and rows that it was given by any scan, wherever it did. */
async function scans(client) {
  const { rows } = await client.query(
    `SELECT relname, seq_scan::int AS scans, (seq_tup_read + coalesce(idx_tup_fetch, 0))::int AS rows
     FROM pg_stat_xact_user_tables WHERE relname = ANY ($1)`,
    [tables],
  );
  return Object.fromEntries(rows.map(({ relname, ...counts }) => [relname, counts]));
}

function literal(client, value) {
  if (value === null) return 'NULL';
  if (Buffer.isBuffer(value)) return `'\\x${value.toString('hex')}'`;
  return client.escapeLiteral(String(value));
}
