import type { QueryResultRow } from 'pg';
import { ApiError } from '../errors.ts';
import { isUnavailable } from './database-error.ts';

/** What a statement runs on: the pool, one client of it, or connections that many requests share. */
export interface Database {
  query<Row extends QueryResultRow>(statement: Statement): Promise<Rows<Row>>;
}

export interface Rows<Row> {
  rows: Row[];
}

export interface Statement {
  /** Names the prepared statement; unique among all statements. */
  name: string;
  text: string;
  values: unknown[];
}

/**
 * Runs one statement.
 *
 * @throws ApiError DATABASE_UNAVAILABLE when the database could not be asked or did not answer in time; any other
 * database error is a defect of ours and passes through
 */
export async function query<Row extends QueryResultRow>(db: Database, statement: Statement): Promise<Row[]> {
  try {
    const { rows } = await db.query<Row>(statement);
    return rows;
  } catch (error) {
    if (isUnavailable(error)) throw new ApiError('DATABASE_UNAVAILABLE', { cause: error });
    throw error;
  }
}
