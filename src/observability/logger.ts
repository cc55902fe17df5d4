import { createRequire } from 'node:module';
import { isatty } from 'node:tty';
import { type DestinationStream, type Logger, pino, stdSerializers } from 'pino';

/** JSON lines on stdout; readable ones when a developer looks at a terminal. */
export function createLogger({ level, readable }: { level: string; readable: boolean }): Logger {
  const stream = readable && isatty(1) ? prettyStream() : undefined;
  return pino(
    { level, serializers: { err: errorSerializer } },
    stream ?? pino.destination({ dest: 1, sync: false }),
  );
}

/**
 * An error without the fields in which Postgres quotes row contents ("Failing row contains (…)"): they may hold a
 * hash. The message, the code, the stack and the cause stay.
 */
export function errorSerializer(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const {
    detail: _detail,
    where: _where,
    parameters: _parameters,
    cause,
    ...rest
  } = stdSerializers.err(error) as Record<string, unknown>;
  return { ...rest, ...(cause === undefined ? {} : { cause: errorSerializer(cause) }) };
}

function prettyStream(): DestinationStream | undefined {
  try {
    // A development dependency, which a production image does not have
    const pretty = createRequire(import.meta.url)('pino-pretty');
    return pretty({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss', sync: true });
  } catch {
    return undefined;
  }
}
