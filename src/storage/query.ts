import type { Pool, QueryResultRow } from 'pg';
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

/** The same database without prepared statements: each is parsed again, and no connection has to know any. */
export function unprepared(db: Pick<Pool, 'query'>): Database {
  return {
    query: <Row extends QueryResultRow>({ text, values }: Statement) => db.query<Row>({ text, values }),
  };
}

/** Runs a statement, and tells how long it took and whether it failed. */
export type StatementTrace = <T>(name: string, run: () => Promise<T>) => Promise<T>;

/** The same database with a trace of every statement. */
export function traced(db: Database, trace: StatementTrace): Database {
  return {
    query: <Row extends QueryResultRow>(statement: Statement) =>
      trace(statement.name, () => db.query<Row>(statement)),
  };
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
