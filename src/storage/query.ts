import type { Pool, QueryResultRow } from 'pg';
import { ApiError } from '../errors.ts';

/** What a statement runs on: the pool, or one client of it. */
export type Database = Pick<Pool, 'query'>;

export interface Statement {
  /** Names the prepared statement; unique among all statements. */
  name: string;
  text: string;
  values: readonly unknown[];
}

/**
 * Runs one prepared statement.
 *
 * @throws ApiError DATABASE_UNAVAILABLE when the database could not be asked or did not answer in time; any other
 * database error is a defect of ours and passes through
 */
export async function query<Row extends QueryResultRow>(db: Database, statement: Statement): Promise<Row[]> {
  try {
    const { rows } = await db.query<Row>({ ...statement, values: [...statement.values] });
    return rows;
  } catch (error) {
    if (isUnavailable(error)) throw new ApiError('DATABASE_UNAVAILABLE', { cause: error, retryAfter: 1 });
    throw error;
  }
}

// SQLSTATE classes and codes (PostgreSQL manual, appendix A) that say "not now" rather than "not like this": no
// connection, or one that is not let in (28, 3D: someone changed the role or is replacing the database), no resources,
// intervention of an operator or a timeout, a failing system.
const unavailableClasses = ['08', '28', '3D', '53', '57', '58'];
const unavailableStates = [
  '25006', // read_only_sql_transaction: a standby, or a primary being demoted
  '55P03', // lock_not_available: lock_timeout
  '40001', // serialization_failure: a standby's conflict with recovery
  '40P01', // deadlock_detected
];
const systemCodes = [
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
];

// pg gives these no code
const driverMessages =
  /timeout exceeded when trying to connect|timeout expired|Connection terminated|Query read timeout|not queryable|Cannot use a pool after calling end|does not support SSL/;

/** True when the same statement may succeed a moment later, against the same or another server. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.some(isUnavailable);
  const { code } = error as { code?: unknown };
  if (typeof code !== 'string') return driverMessages.test(error.message);
  return (
    systemCodes.includes(code) ||
    unavailableStates.includes(code) ||
    (/^[0-9A-Z]{5}$/.test(code) && unavailableClasses.includes(code.slice(0, 2)))
  );
}
