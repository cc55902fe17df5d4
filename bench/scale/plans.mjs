const tables = ['users', 'refreshaccesstokens'];

/** Sorts that are no fault, by the statement: each is over the sessions of one user. */
export const boundedSorts = {
  select_sessions: 'one user, the most recently used first',
  select_session_addresses: 'one user, each address once',
  delete_sessions_of_caller: 'one user, in the order in which rows are locked',
};

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
    return { name, plan, sequential: tables.filter((table) => after[table] > before[table]) };
  } finally {
    await client.query('ROLLBACK');
    await client.query('DEALLOCATE ALL');
  }
}

/**
 * What is wrong with a plan: sequential scans, also those of functions and foreign keys, whose plans are not shown; indexes
 * that are read from one end to the other; sorts that are not over the sessions of one user.
 *
 * @param {{ sessionsPerUserMax: number }} bounds
 * @returns {string[]}
 */
export function faultsOf({ name, plan, sequential }, { sessionsPerUserMax }) {
  const faults = sequential.map((table) => `${name} scans ${table} sequentially`);
  for (const node of nodesOf(plan)) {
    const type = node['Node Type'];
    const table = node['Relation Name'];
    if (type === 'Seq Scan') faults.push(`${name} plans to scan ${table} sequentially`);
    // The greatest id is the last of its index, for which no condition is needed
    if (/^Index (Only )?Scan/.test(type) && node['Index Cond'] === undefined && node['Actual Rows'] > 1) {
      faults.push(`${name} walks ${node['Index Name']} without a condition`);
    }
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

function nodesOf(plan) {
  return [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];
}

/** Sequential scans that this transaction has begun, wherever it did. */
async function scans(client) {
  const { rows } = await client.query(
    'SELECT relname, seq_scan::int FROM pg_stat_xact_user_tables WHERE relname = ANY ($1)',
    [tables],
  );
  return Object.fromEntries(rows.map(({ relname, seq_scan }) => [relname, seq_scan]));
}

function literal(client, value) {
  if (value === null) return 'NULL';
  if (Buffer.isBuffer(value)) return `'\\x${value.toString('hex')}'`;
  return client.escapeLiteral(String(value));
}
