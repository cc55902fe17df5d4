import { StartError } from './errors.ts';
import { isUnavailable } from './storage/database-error.ts';

/** Why the process could not start, for the person who started it: a sentence where the cause is known, else the stack. */
export function explainStartFailure(error: unknown): string {
  if (!(error instanceof Error)) return `Gatehouse could not start: ${String(error)}`;
  const { code, syscall, port, address } = error as ListenError;
  if (syscall === 'listen' || syscall === 'bind')
    return `Gatehouse cannot listen: ${listening(code, port, address, error)}`;
  if (error instanceof StartError) return error.message;
  if (isUnavailable(error)) {
    return `The database cannot be reached: ${messageOf(error)}. Check DATABASE_URL or the DB_ settings.`;
  }
  if (/^[0-9A-Z]{5}$/.test(String(code))) return `The database refused: ${error.message} (SQLSTATE ${code})`;
  return `Gatehouse could not start: ${error.stack ?? error.message}`;
}

type ListenError = NodeJS.ErrnoException & { port?: number; address?: string };

function listening(
  code: string | undefined,
  port: number | undefined,
  address: string | undefined,
  error: Error,
): string {
  if (code === 'EADDRINUSE') return `port ${port} is taken. Stop what uses it, or set PORT to another.`;
  if (code === 'EACCES') return `port ${port} may not be used by this user. Set PORT to 1024 or more.`;
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `${address ?? 'the host'} is no address of this machine. Set HOST to another.`;
  return error.message;
}

/** A host with several addresses fails once for each, and the whole then has no message. */
function messageOf(error: Error): string {
  return error instanceof AggregateError
    ? error.errors.map((each) => each.message).join(', ')
    : error.message;
}
