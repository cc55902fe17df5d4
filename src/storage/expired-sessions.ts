import { type Database, query } from './query.ts';

/**
 * The key of the advisory lock under which sessions are pruned: "gprune" in ASCII. Advisory locks belong to one
 * database, so all its replicas share this one.
 *
 * It is a lock of the transaction, and each statement here is a transaction of its own: it ends with the statement,
 * whatever becomes of the process or the connection, and works behind a pooler that shares connections.
 */
export const pruningLock = 0x67_70_72_75_6e_65;

/** What one statement did. */
export interface PrunedBatch<Position> {
  /** Whether this statement got the lock. Without it nothing was read or deleted: another replica is at it. */
  held: boolean;
  deleted: number;
  /** How far it got, for the next one to go on from; null when it met the end. */
  reached: Position | null;
}

export interface ExpiredBatch {
  /** '-infinity', or what the batch before has reached: its deleted rows lie in the index until they are vacuumed. */
  from: string;
  maxRows: number;
}

/**
 * Deletes sessions past their absolute end, the oldest first. Rows that someone else has locked are left for another
 * time, so this waits for nobody.
 */
export async function deleteExpiredSessions(
  db: Database,
  { from, maxRows }: ExpiredBatch,
): Promise<PrunedBatch<string>> {
  const [row] = await query<PrunedBatch<string>>(db, {
    name: 'delete_expired_sessions',
    // The lock is asked for once and first: the scan does not begin without it. The array has the rows found by their
    // key, whatever the planner thinks how many they are.
    text: `
      WITH turn AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock($1) AS held
      ), expired AS MATERIALIZED (
        SELECT tokenid, expires_at
        FROM refreshaccesstokens
        WHERE (SELECT held FROM turn) AND expires_at >= $2::timestamptz AND expires_at <= now()
        ORDER BY expires_at
        LIMIT $3
        FOR UPDATE SKIP LOCKED
      ), deleted AS (
        DELETE FROM refreshaccesstokens
        WHERE tokenid = ANY (ARRAY(SELECT tokenid FROM expired))
        RETURNING tokenid
      )
      SELECT held, (SELECT count(*) FROM deleted) AS deleted,
        (SELECT CASE WHEN count(*) = $3 THEN max(expires_at)::text END FROM expired) AS reached
      FROM turn`,
    values: [pruningLock, from, maxRows],
  });
  return found(row);
}

export interface IdleWindow {
  /** The tokenid after which to read on; null for a random place. */
  after: number | null;
  maxRows: number;
}

/**
 * Reads some sessions in the order of their keys, and deletes those among them whose idle limit has passed. No index can
 * find them, as it would hold rotated_at. Only they are looked up again, one by one: for all of them that would be most
 * of the work, and more of it the deeper the index is. A refresh that comes first wins: its row is skipped while it is
 * locked, and read again before it is locked here.
 */
export async function deleteIdleSessions(
  db: Database,
  { after, maxRows }: IdleWindow,
): Promise<PrunedBatch<number>> {
  const [row] = await query<PrunedBatch<number>>(db, {
    name: 'delete_idle_sessions',
    text: `
      WITH turn AS MATERIALIZED (
        SELECT pg_try_advisory_xact_lock($1) AS held
      ), start AS MATERIALIZED (
        SELECT coalesce($2::bigint, floor(random() * (SELECT max(tokenid) FROM refreshaccesstokens))::bigint, 0) AS tokenid
      ), read AS MATERIALIZED (
        SELECT tokenid, rotated_at + idle_seconds * interval '1 second' <= now() AS is_idle
        FROM refreshaccesstokens
        WHERE (SELECT held FROM turn) AND tokenid > (SELECT tokenid FROM start)
        ORDER BY tokenid
        LIMIT $3
      ), idle AS MATERIALIZED (
        SELECT tokenid
        FROM refreshaccesstokens
        WHERE tokenid = ANY (ARRAY(SELECT tokenid FROM read WHERE is_idle))
          AND rotated_at + idle_seconds * interval '1 second' <= now()
        FOR UPDATE SKIP LOCKED
      ), deleted AS (
        DELETE FROM refreshaccesstokens
        WHERE tokenid = ANY (ARRAY(SELECT tokenid FROM idle))
        RETURNING tokenid
      )
      SELECT held, (SELECT count(*) FROM deleted) AS deleted,
        (SELECT CASE WHEN count(*) = $3 THEN max(tokenid) END FROM read) AS reached
      FROM turn`,
    values: [pruningLock, after, maxRows],
  });
  return found(row);
}

export interface Backlog {
  /** At most `maxRows`, which then means that many or more. */
  rows: number;
  /** When it was counted: seconds since the epoch, by the database's clock. */
  now: number;
}

/** Counts the sessions past their absolute end, in the order of the index so that the limit bounds the work too. */
export async function countExpiredSessions(db: Database, { from, maxRows }: ExpiredBatch): Promise<Backlog> {
  const [row] = await query<{ rows: number; now: number }>(db, {
    name: 'count_expired_sessions',
    text: `
      SELECT count(*) AS rows, floor(extract(epoch FROM now()))::bigint AS now
      FROM (
        SELECT FROM refreshaccesstokens
        WHERE expires_at >= $1::timestamptz AND expires_at <= now()
        ORDER BY expires_at
        LIMIT $2
      ) AS expired`,
    values: [from, maxRows],
  });
  return found(row);
}

function found<Row>(row: Row | undefined): Row {
  if (row === undefined) throw new Error('a statement that always gives one row gave none');
  return row;
}
