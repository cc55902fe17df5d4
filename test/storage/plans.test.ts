import { readdirSync, readFileSync } from 'node:fs';
import type pg from 'pg';
import t from 'tap';
import { boundedSorts, explain, faultsOf } from '../../bench/scale/plans.mjs';
import { recordStatements, type Sample } from '../../bench/scale/statements.mjs';
import type { Statement } from '../../src/storage/query.ts';
import { createDatabase } from '../support/database.ts';

// npm run bench:scale asks the same of ten million users. So many as here are enough for the planner to use indexes
// without being told to: enable_seqscan stays on.
const users = 5000;
const sessionsPerUserMax = 100;

t.test('no statement reads or sorts more than it is about', async (t) => {
  const { client } = await createDatabase(t);
  await populate(client);
  const statements = await recordStatements(await sampleOf(client));

  t.strictSame(statements.map(({ name }) => name).sort(), namesInSources().sort(), 'all of them are here');
  for (const statement of statements) {
    const explained = await explain(client, statement);
    t.strictSame(faultsOf(explained, { sessionsPerUserMax }), [], statement.name);
  }
  for (const name of Object.keys(boundedSorts)) {
    t.ok(namesInSources().includes(name), `${name}, which may sort, is a statement`);
  }
});

t.test('what would be wrong with a plan is found', async (t) => {
  const { client } = await createDatabase(t);
  await populate(client);
  const faults = async (text: string, values: unknown[] = []) => {
    const statement: Statement = { name: 'of_a_test', text, values };
    return faultsOf(await explain(client, statement), { sessionsPerUserMax });
  };

  t.match(await faults('SELECT FROM users WHERE name = $1', ['Ada']), [
    /scans users sequentially/,
    /plans to/,
  ]);
  t.match(await faults('SELECT FROM refreshaccesstokens WHERE ip = $1', ['x']), [/scans/, /plans to/]);
  t.match(await faults('SELECT email FROM users ORDER BY user_id'), [/walks users_pkey/]);
  t.match(await faults('SELECT FROM refreshaccesstokens WHERE user_id < $1 ORDER BY ip', ['3']), [
    /sorts by/,
    /sorts \d+ rows/,
  ]);
  await client.query(`
    CREATE FUNCTION hidden() RETURNS bigint LANGUAGE plpgsql AS $$
    BEGIN
      RETURN (SELECT count(*) FROM users WHERE name = 'Ada');
    END $$`);
  t.match(await faults('SELECT hidden()'), [/scans users sequentially/], 'also inside of a function');
});

/** Users with a session each, the first of them with as many as one may have. */
async function populate(client: pg.Client): Promise<void> {
  await client.query(
    `INSERT INTO users (name, email, location, password)
     SELECT 'Ada', 'ada' || i || '@example.com', '', 'hash of ' || i FROM generate_series(1, $1::integer) AS i`,
    [users],
  );
  await client.query(
    `INSERT INTO refreshaccesstokens (tokens, user_id, generation, created_at, rotated_at, expires_at, idle_seconds, ip)
     SELECT sha256(i::text::bytea), greatest(1, i - $2 + 1), 2, opened, greatest(opened, now() - i * interval '5 minutes'),
       opened + interval '30 days', 14 * 86400, '192.0.2.' || i % 256
     FROM generate_series(1, $1::integer + $2 - 1) AS i,
       LATERAL (SELECT now() - ($1 + $2 - i) * interval '10 minutes' AS opened) AS o`,
    [users, sessionsPerUserMax],
  );
  await client.query('VACUUM (ANALYZE) users, refreshaccesstokens');
}

/** The user with the most sessions, and a session of that user's that is alive. */
async function sampleOf(client: pg.Client): Promise<Sample> {
  await client.query(
    `UPDATE refreshaccesstokens SET expires_at = now() + interval '1 day', rotated_at = now() - interval '1 hour'
     WHERE user_id = 1`,
  );
  const { rows } = await client.query<Sample>(
    `SELECT u.user_id::integer AS "userId", email, password AS "passwordHash", tokenid::integer AS "sessionId",
       tokens AS "handleHash", generation, '-infinity' AS "expiredFrom"
     FROM refreshaccesstokens JOIN users AS u USING (user_id)
     WHERE user_id = 1 LIMIT 1`,
  );
  if (rows[0] === undefined) throw new Error('the first user has no session');
  return rows[0];
}

function namesInSources(): string[] {
  const folder = new URL('../../src/storage/', import.meta.url);
  return readdirSync(folder)
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .flatMap((source) => [...source.matchAll(/^ +name: '(\w+)',$/gm)].map(([, name]) => name ?? ''));
}
