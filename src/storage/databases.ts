import type { Pool, QueryConfig, QueryResultRow } from 'pg';
import { type Described, PreparedQuery } from './prepared-query.ts';
import type { Database, Rows, Statement } from './query.ts';

/** The pool, with statements that are described once on each of its connections. */
export function prepared(pool: Pick<Pool, 'query'>): Database {
  const known = new WeakMap<object, Described>();
  const describedOn = (connection: object) => {
    const described: Described = known.get(connection) ?? new Map();
    known.set(connection, described);
    return described;
  };
  return {
    query: async <Row extends QueryResultRow>(statement: Statement) => {
      const query = new PreparedQuery<Row>(statement, describedOn);
      // The pool gives a promise of what the query calls back with, whatever its types say of queries that bring their own
      return pool.query(query as unknown as QueryConfig) as Promise<Rows<Row>>;
    },
  };
}

/** The pool without prepared statements: each is parsed again, and no connection has to know any. */
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
