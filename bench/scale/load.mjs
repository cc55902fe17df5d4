import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { prepareDatabase } from '../../dist/storage/prepare-database.js';

const rowsPerChunk = 1000;
const tables = ['users', 'refreshaccesstokens'];

/** A connection of the measurement's own, which nothing times out. Errors between two statements come with the next. */
export async function connect(url) {
  const client = new pg.Client({ connectionString: url, application_name: 'gatehouse-scale' });
  client.on('error', () => {});
  await client.connect();
  return client;
}

/**
 * Makes the schema by the service's own migrations, and fills it by COPY. Indexes and keys are put aside meanwhile, and
 * made again as the migrations made them: kept, they would take most of the time.
 */
export async function load({ url, population, progress }) {
  await prepareDatabase(url, { log: { info: () => {}, warn: progress } });
  const client = await connect(url);
  try {
    await client.query(`SET maintenance_work_mem = '512MB'`);
    const restore = await putAside(client);
    await client.query('BEGIN');
    // Emptied in the same transaction, a table can be filled with rows that no VACUUM has to freeze
    await client.query(`TRUNCATE ${tables.join(', ')}`);
    await copy(client, {
      into: 'users (user_id, name, email, location, about, password, created_at, updated_at)',
      count: population.users,
      rowOf: (id) => population.userRow(id),
      progress,
    });
    await copy(client, {
      into: `refreshaccesstokens (tokenid, tokens, user_id, generation, created_at, rotated_at, expires_at,
        idle_seconds, user_agent, ip)`,
      count: population.sessions,
      rowOf: (id) => population.sessionRow(id),
      progress,
    });
    await client.query('COMMIT');
    for (const sql of restore) {
      progress(sql);
      await client.query(sql);
    }
    await client.query(`
      SELECT setval(pg_get_serial_sequence('users', 'user_id'), (SELECT max(user_id) FROM users)),
        setval(pg_get_serial_sequence('refreshaccesstokens', 'tokenid'), (SELECT max(tokenid) FROM refreshaccesstokens))`);
    progress('VACUUM (ANALYZE)');
    await client.query(`VACUUM (ANALYZE) ${tables.join(', ')}`);
  } finally {
    await client.end();
  }
}

/** Drops constraints and indexes; gives the statements that make them again. */
async function putAside(client) {
  const { rows: constraints } = await client.query(
    `SELECT conrelid::regclass AS tbl, conname AS name, contype, pg_get_constraintdef(oid) AS definition
     FROM pg_constraint WHERE conrelid = ANY ($1::regclass[]) AND contype IN ('p', 'u', 'f')
     ORDER BY contype = 'f'`,
    [tables],
  );
  const { rows: indexes } = await client.query(
    `SELECT indexname AS name, indexdef AS definition FROM pg_indexes
     WHERE tablename = ANY ($1) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = indexname)`,
    [tables],
  );
  for (const { tbl, name } of constraints.toReversed()) {
    await client.query(`ALTER TABLE ${tbl} DROP CONSTRAINT ${client.escapeIdentifier(name)}`);
  }
  for (const { name } of indexes) await client.query(`DROP INDEX ${client.escapeIdentifier(name)}`);
  const made = constraints.map(({ tbl, name, contype, definition }) => ({
    isReference: contype === 'f',
    sql: `ALTER TABLE ${tbl} ADD CONSTRAINT ${client.escapeIdentifier(name)} ${definition}`,
  }));
  return [
    ...made.filter(({ isReference }) => !isReference).map(({ sql }) => sql),
    ...indexes.map(({ definition }) => definition),
    ...made.filter(({ isReference }) => isReference).map(({ sql }) => sql),
  ];
}

async function copy(client, { into, count, rowOf, progress }) {
  const table = into.split(' ', 1)[0];
  const began = performance.now();
  let told = began;
  function* chunks() {
    for (let first = 1; first <= count; first += rowsPerChunk) {
      let chunk = '';
      for (let id = first; id < first + rowsPerChunk && id <= count; id++) chunk += rowOf(id);
      if (performance.now() - told > 5000) {
        told = performance.now();
        progress(`${table}: ${first.toLocaleString('en')} of ${count.toLocaleString('en')} rows`);
      }
      yield Buffer.from(chunk);
    }
  }
  await pipeline(
    Readable.from(chunks(), { objectMode: false }),
    client.query(copyFrom(`COPY ${into} FROM STDIN WITH (FREEZE)`)),
  );
  const seconds = (performance.now() - began) / 1000;
  progress(`${table}: ${count.toLocaleString('en')} rows in ${seconds.toFixed(1)} s`);
}
