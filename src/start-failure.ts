/** Why the process could not start, for the person who started it: a sentence where the cause is known, else the stack. */
export function explainStartFailure(error: unknown): string {
  if (!(error instanceof Error)) return `Gatehouse could not start: ${String(error)}`;
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE') return `Port ${port} is taken. Stop what uses it, or set PORT to another.`;
  if (code === 'EACCES' && port !== undefined)
    return `Port ${port} may not be used by this user. Set PORT to 1024 or more.`;
  if (known.has(error.name)) return error.message;
  const [cause] = error instanceof AggregateError ? error.errors : [error];
  if (connectionCodes.has(String(cause.code))) {
    return `The database cannot be reached: ${cause.message}. Check DATABASE_URL or the DB_ settings.`;
  }
  if (/^[0-9A-Z]{5}$/.test(String(code))) return `The database refused: ${error.message} (SQLSTATE ${code})`;
  return `Gatehouse could not start: ${error.stack ?? error.message}`;
}

const known = new Set(['ConfigurationError', 'EmbeddedPostgresError', 'MigrationError']);
const connectionCodes = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);
