import { createRequire } from 'node:module';
import { isatty } from 'node:tty';
import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino';

/** What the domain logs with; any pino logger is one. */
export interface Log {
  warn(fields: object, message: string): void;
}

export interface LoggerOptions {
  level: string;
  readable: boolean;
  /** Other processes write to the same stdout. */
  isShared?: boolean;
}

/** JSON lines on stdout; readable ones when a developer looks at a terminal. */
export function createLogger({ level, readable, isShared = false }: LoggerOptions): Logger {
  const stream = readable && isatty(1) ? prettyStream() : undefined;
  return pino({ level, serializers: { err: errorSerializer } }, stream ?? inBytes(isShared ? whole : large));
}

const large = { minLength: 32 * 1024, maxWrite: 64 * 1024 };
// POSIX.1-2024, write(): up to PIPE_BUF bytes (4096 on Linux) get into a pipe in one piece, and no line of another process
// gets in between
const whole = { minLength: 3584, maxWrite: 4096 };

/**
 * A slow reader of the log never holds up a request, and many lines share one write. What kill -9 can lose is a quarter of a
 * second. Lines are gathered as bytes: gathered text would be measured anew with each line that is added to it.
 */
function inBytes(sizes: { minLength: number; maxWrite: number }): DestinationStream {
  const destination = pino.destination({
    dest: 1,
    sync: false,
    periodicFlush: 250,
    contentMode: 'buffer',
    ...sizes,
  });
  return {
    // It takes bytes in this mode, which its types do not say
    write: (line) => void destination.write(Buffer.from(line) as unknown as string),
    flush: (done: (error?: Error) => void) => destination.flush(done),
    // pino asks for it after a fatal line, which may be the last
    flushSync: () => destination.flushSync(),
  } as DestinationStream;
}

/** Resolves when all that was logged is written. What waits for a slow reader would be lost with the process. */
export function flushLog(logger: Logger): Promise<void> {
  return new Promise((resolve) => logger.flush(() => resolve()));
}

/**
 * An error without the fields in which Postgres quotes rows and parameters ("Failing row contains (…)"): they may
 * hold a hash. The type, message, code and stack stay, those of its causes among them, and so do plain fields.
 */
export function errorSerializer(error: unknown): unknown {
  return serialised(error, deepestCause);
}

// An error may be its own cause
const deepestCause = 8;

function serialised(error: unknown, depth: number): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack } = stdSerializers.err(error);
  const fields = Object.entries(error).filter(
    ([name, value]) => !quoting.has(name) && ['string', 'number', 'boolean'].includes(typeof value),
  );
  const { cause } = error;
  return {
    ...Object.fromEntries(fields),
    type,
    message,
    stack,
    ...(error instanceof AggregateError && depth > 0
      ? { errors: error.errors.map((each) => serialised(each, depth - 1)) }
      : {}),
    ...(cause instanceof Error && depth > 0 ? { cause: serialised(cause, depth - 1) } : {}),
  };
}

const quoting = new Set(['detail', 'where', 'internalQuery', 'parameters']);

// What a person looks for first in the line of a request
const inMessage = ['method', 'route', 'status'];

function prettyStream(): DestinationStream | undefined {
  try {
    // A development dependency, which a production image does not have
    const pretty = createRequire(import.meta.url)('pino-pretty');
    return pretty({
      singleLine: true,
      messageFormat: `{msg}${inMessage.map((name) => `{if ${name}} {${name}}{end}`).join('')}{if ms} in {ms} ms{end}`,
      ignore: ['pid', 'hostname', ...inMessage, 'ms'].join(','),
      translateTime: 'SYS:HH:MM:ss',
      sync: true,
    });
  } catch {
    return undefined;
  }
}
