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
// More have expired than one of these, so that a limit that is gone shows
const bounds = { sessionsPerUserMax, batchRows: 1000, backlogRows: 2000 };

t.test('no statement reads or sorts more than it is about', async (t) => {
  const { client } = await createDatabase(t);
  await populate(client);
  const statements = await recordStatements(await sampleOf(client));

  t.strictSame(statements.map(({ name }) => name).sort(), namesInSources().sort(), 'all of them are here');
  for (const statement of statements) {
    const explained = await explain(client, statement);
    t.strictSame(faultsOf(explained, bounds), [], statement.name);
  }
  for (const name of Object.keys(boundedSorts)) {
    t.ok(namesInSources().includes(name), `${name}, which may sort, is a statement`);
  }
});

t.test('what would be wrong with a plan is found', async (t) => {
  const { client } = await createDatabase(t);
  await populate(client);
  const finds = async (text: string, values: unknown[], expected: RegExp[]) => {
    const statement: Statement = { name: 'of_a_test', text, values };
    const faults = faultsOf(await explain(client, statement), bounds);
    for (const each of expected)
      t.ok(
        faults.some((fault) => each.test(fault)),
        `${text}: ${each}, in ${faults}`,
      );
  };

  await finds(
    'SELECT FROM users WHERE name = $1',
    ['Ada'],
    [/scans users sequentially/, /plans to scan users/],
  );
  await finds('SELECT FROM refreshaccesstokens WHERE ip = $1', ['x'], [/scans/, /plans to scan/]);
  await finds('SELECT email FROM users ORDER BY user_id', [], [/walks users_pkey/, /reads 5000 rows/]);
  await finds(
    'SELECT FROM refreshaccesstokens WHERE user_id < $1 ORDER BY ip',
    ['3'],
    [/sorts by/, /sorts \d+ rows/],
  );
  // As when a LIMIT is gone
  await finds(
    'SELECT ip FROM refreshaccesstokens WHERE expires_at > $1 ORDER BY expires_at',
    ['2000-01-01'],
    [/fetches \d+ rows/, /reads \d+ rows of refreshaccesstokens/],
  );
  // What a filter throws away has been read
  await finds(
    'SELECT FROM refreshaccesstokens WHERE user_id = $1 AND ip IS NULL',
    ['1'],
    [/fetches 100 rows/, /reads 100 rows of refreshaccesstokens/],
  );
  const hidden = (name: string, condition: string) => `
    CREATE FUNCTION ${name}() RETURNS bigint LANGUAGE plpgsql AS $$
    BEGIN
      RETURN (SELECT count(*) FROM users WHERE ${condition});
    END $$`;
  await client.query(hidden('scanning', "name = 'Ada'"));
  await finds('SELECT scanning()', [], [/scans users sequentially/]);
  await client.query(hidden('reading', "email LIKE 'ada1%' AND user_id < 100 AND name <> 'Ada'"));
  await finds('SELECT reading()', [], [/fetches \d+ rows/]);
});

t.test('a statement without its limit reads too much', async (t) => {
  const { client } = await createDatabase(t);
  await populate(client);
  const limited = (await recordStatements(await sampleOf(client))).filter(({ text }) =>
    / LIMIT \$/.test(text),
  );
  t.equal(limited.length, 3);
  for (const { name, text, values } of limited) {
    const unlimited = text.replace(/ LIMIT (\$\d)/, ' LIMIT $1::bigint + 4000');
    // From the first session on, and not from a random one, behind which there may be few
    const fromFirst = values.map((value) => value ?? 0);
    const faults = faultsOf(await explain(client, { name, text: unlimited, values: fromFirst }), bounds);
    t.match(faults.join(), /reads \d+ rows of refreshaccesstokens/, name);
  }
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
       LATERAL (SELECT now() - ($1 + $2 - i) * interval '20 minutes' AS opened) AS o`,
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
       tokens AS "handleHash", generation, '-infinity' AS "expiredFrom", $1::integer AS "backlogRows"
     FROM refreshaccesstokens JOIN users AS u USING (user_id)
     WHERE user_id = 1 LIMIT 1`,
    [bounds.backlogRows],
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
