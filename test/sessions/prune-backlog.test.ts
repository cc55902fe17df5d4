import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { startApp, type TestApp } from '../support/app.ts';
import { prunerOf, pruningReports } from '../support/ended-sessions.ts';
import { registerAndLogIn } from '../support/people.ts';

const backlog = 1_000_000;

t.test('a million expired sessions drain while refreshes go on as before', async (t) => {
  const gatehouse = await startApp(t, { env: { LOG_LEVEL: 'info' } });
  const { client } = gatehouse.database;
  const { userId, refreshToken } = await registerAndLogIn(gatehouse);
  await addExpiredSessions(gatehouse, userId);
  const pruner = prunerOf(gatehouse);
  const before = await statistics(gatehouse);

  // Passes and pauses take turns, so that whatever else the machine does falls on both alike
  const refreshes = refreshSteadily(gatehouse, refreshToken);
  const quiet: number[] = [];
  const draining: number[] = [];
  let outcome: string;
  do {
    refreshes.into(quiet);
    await sleep(700);
    refreshes.into(draining);
    outcome = await pruner.pass();
  } while (outcome === 'more');
  await refreshes.stop();

  t.comment(`between passes: ${describe(quiet)}; during them: ${describe(draining)}`);
  t.ok(quantile(draining, 0.5) <= 1.5 * quantile(quiet, 0.5) + 2, 'the median stays');
  t.ok(quantile(draining, 0.95) <= 2 * quantile(quiet, 0.95) + 10, 'and so does the 95th percentile');
  const { rows } = await client.query('SELECT user_id, expires_at > now() AS alive FROM refreshaccesstokens');
  t.strictSame(rows, [{ user_id: String(userId), alive: true }], 'one session is left');
  t.match(pruner.status, { totalDeleted: backlog, backlog: 0, failures: 0 });

  // Latency is noisy and the pace is not: this fails when batches grow or pauses shrink
  const passes = pruningReports(gatehouse) as unknown as Pass[];
  t.equal(passes.length, 10, 'a drain tells how far it is');
  for (const { deleted, ms } of passes) {
    const pauses = deleted / 1000 - 2;
    t.ok(ms >= pauses * 20, `${deleted} rows took ${ms} ms`);
  }

  await gatehouse.app.close();
  const after = await statistics(gatehouse, before.deleted + backlog);
  const updates = after.updates - before.updates;
  t.ok(updates >= draining.length);
  t.ok(
    (after.hot - before.hot) / updates >= 0.95,
    `${after.hot - before.hot} of ${updates} updates were heap-only`,
  );
  t.ok(after.scans - before.scans >= backlog / 1000, 'each batch came from the index');
});

interface Pass {
  deleted: number;
  ms: number;
}

async function addExpiredSessions({ database: { client } }: TestApp, userId: number): Promise<void> {
  // Checking a reference row by row takes longer than all the rest
  await client.query('ALTER TABLE refreshaccesstokens DROP CONSTRAINT refreshaccesstokens_user_id_fkey');
  await client.query(
    `INSERT INTO refreshaccesstokens (tokens, user_id, created_at, rotated_at, expires_at, idle_seconds)
     SELECT decode(lpad(to_hex(i), 64, '0'), 'hex'), $1, now() - interval '31 days', now() - interval '2 days',
       now() - i * interval '1 ms', 1209600
     FROM generate_series(1, $2::integer) AS i`,
    [userId, backlog],
  );
  await client.query(
    `ALTER TABLE refreshaccesstokens ADD CONSTRAINT refreshaccesstokens_user_id_fkey
     FOREIGN KEY (user_id) REFERENCES users (user_id) ON DELETE CASCADE`,
  );
  await client.query('VACUUM (ANALYZE) refreshaccesstokens');
}

/** Refreshes one session again and again, and notes how many milliseconds each took. */
function refreshSteadily({ post }: TestApp, refreshToken: string) {
  let bucket: number[] = [];
  let stopped = false;
  const loop = async () => {
    for (let token = refreshToken; !stopped; await sleep(5)) {
      const current = bucket;
      const began = performance.now();
      const { status, body } = await post('/api/v1/auth/refresh-token', { refresh_token: token });
      current.push(performance.now() - began);
      if (status !== 200) throw new Error(`a refresh answered ${status}: ${JSON.stringify(body)}`);
      token = String(body['refresh_token']);
    }
  };
  const running = loop();
  return {
    into: (other: number[]) => {
      bucket = other;
    },
    stop: () => {
      stopped = true;
      return running;
    },
  };
}

function quantile(values: number[], share: number): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * share)] ?? Number.NaN;
}

function describe(values: number[]): string {
  const ms = (share: number) => `${quantile(values, share).toFixed(1)} ms`;
  return `${values.length} refreshes, median ${ms(0.5)}, p95 ${ms(0.95)}, p99 ${ms(0.99)}`;
}

interface Statistics {
  updates: number;
  hot: number;
  deleted: number;
  /** Of the index on expires_at. */
  scans: number;
}

/** What the table has seen. A connection reports it when it ends, at the latest; this waits for the deletions. */
async function statistics({ database: { client } }: TestApp, deleted = 0): Promise<Statistics> {
  for (;;) {
    await client.query('SELECT pg_stat_clear_snapshot()');
    const { rows } = await client.query<Statistics>(
      `SELECT n_tup_upd::integer AS updates, n_tup_hot_upd::integer AS hot, n_tup_del::integer AS deleted,
         by_end.idx_scan::integer AS scans
       FROM pg_stat_user_tables AS sessions
       JOIN pg_stat_user_indexes AS by_end USING (relid)
       WHERE sessions.relname = 'refreshaccesstokens' AND indexrelname = 'refreshaccesstokens_expires_at_idx'`,
    );
    if (rows[0] !== undefined && rows[0].deleted >= deleted) return rows[0];
    await sleep(10);
  }
}
