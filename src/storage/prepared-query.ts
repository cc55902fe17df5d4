import pg from 'pg';
import { typeParser } from './connection.ts';
import type { Rows, Statement } from './query.ts';

/** How the columns of a statement become the members of a row. */
interface Column {
  readonly name: string;
  readonly parse: (text: string) => unknown;
}

/** Of each statement that a connection knows, its columns; undefined while it is being described for the first time. */
export type Described = Map<string, readonly Column[] | undefined>;

/** What pg calls of a query, and a query of its connection; its types name neither. */
interface Connection {
  readonly stream: { cork(): void; uncork(): void };
  readonly parsedStatements: Readonly<Record<string, string>>;
  parse(message: { name: string; text: string; types: undefined }): void;
  bind(message: { statement: string; values: (string | Buffer | null)[] }): void;
  describe(message: { type: 'P'; name: '' }): void;
  execute(message: { portal: ''; rows: 0 }): void;
  sync(): void;
}

interface QueryHandlers {
  submit(connection: Connection): Error | null;
  handleRowDescription(message: { fields: pg.FieldDef[] }): void;
  handleDataRow(message: { fields: (string | null)[] }): void;
  handleCommandComplete(): void;
  handleReadyForQuery(): void;
  handleError(error: Error): void;
  /** Set by whoever hands it to a client. */
  callback?: ((error: Error | null, answer?: Rows<unknown>) => void) | undefined;
}

// A pipelined connection takes nothing but what is a Query of pg's
const Query = pg.Query as unknown as new (config: { name: string; text: string }) => QueryHandlers;

/**
 * A prepared statement that is described once on each connection. pg has the columns described anew with every answer, which
 * for a statement of one row is most of what there is to read.
 */
export class PreparedQuery<Row> extends Query {
  readonly #statement: Statement;
  readonly #values: (string | Buffer | null)[];
  readonly #describedOn: (connection: object) => Described;
  readonly #rows: Row[] = [];
  #described: Described | undefined;
  #columns: readonly Column[] | undefined;
  #error: Error | undefined;
  #isOver = false;

  /** @throws TypeError when a parameter is of a type that our statements do not have */
  constructor(statement: Statement, describedOn: (connection: object) => Described) {
    super(statement);
    this.#statement = statement;
    // Here, as whatever throws between two messages would leave the connection with half a statement
    this.#values = statement.values.map(asText);
    this.#describedOn = describedOn;
  }

  override submit(connection: Connection): null {
    const { name, text } = this.#statement;
    const described = this.#describedOn(connection);
    this.#described = described;
    this.#columns = described.get(name);
    // One write for all of it
    connection.stream.cork();
    if (connection.parsedStatements[name] === undefined) connection.parse({ name, text, types: undefined });
    connection.bind({ statement: name, values: this.#values });
    if (this.#columns === undefined) {
      described.set(name, undefined);
      connection.describe({ type: 'P', name: '' });
    }
    connection.execute({ portal: '', rows: 0 });
    connection.sync();
    connection.stream.uncork();
    return null;
  }

  override handleRowDescription({ fields }: { fields: pg.FieldDef[] }): void {
    this.#columns = fields.map(({ name, dataTypeID }) => ({ name, parse: typeParser(dataTypeID) }));
    this.#described?.set(this.#statement.name, this.#columns);
  }

  override handleDataRow({ fields }: { fields: (string | null)[] }): void {
    if (this.#error) return;
    try {
      this.#rows.push(rowOf(this.#columns ?? [], fields) as Row);
    } catch (error) {
      this.#error = error as Error;
    }
  }

  override handleCommandComplete(): void {}

  override handleReadyForQuery(): void {
    this.#end(this.#error);
  }

  override handleError(error: Error): void {
    this.#end(error);
  }

  #end(error: Error | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { name } = this.#statement;
    // Without an answer, or without columns, it is not known yet
    if (this.#described?.get(name) === undefined) this.#described?.delete(name);
    this.callback?.(error ?? null, { rows: this.#rows });
  }
}

function rowOf(columns: readonly Column[], fields: (string | null)[]): Record<string, unknown> {
  const row: Record<string, unknown> = {};
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i] as Column;
    const text = fields[i] ?? null;
    row[column.name] = text === null ? null : column.parse(text);
  }
  return row;
}

/** What the parameters of our statements are. Buffers are sent as bytes. */
function asText(value: unknown): string | Buffer | null {
  if (typeof value === 'string' || value === null || Buffer.isBuffer(value)) return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new TypeError(`a parameter of the type ${typeof value} cannot be sent`);
}
