/** The SQLSTATE of a Postgres error, or the code of a system error such as ECONNREFUSED: both come as `code`. */
export function errorCode(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
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
  'ECONNABORTED',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  // Node's own: written to a socket that had ended meanwhile
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
];

// pg gives these no code
const driverMessages =
  /timeout exceeded when trying to connect|timeout expired|Connection terminated|Query read timeout|not queryable|Cannot use a pool after calling end|does not support SSL|error establishing an SSL connection/;

/** True when the same statement may succeed a moment later, against the same or another server. */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.some(isUnavailable);
  const code = errorCode(error);
  if (code === undefined) return driverMessages.test(error.message);
  return (
    systemCodes.includes(code) ||
    unavailableStates.includes(code) ||
    (/^[0-9A-Z]{5}$/.test(code) && unavailableClasses.includes(code.slice(0, 2)))
  );
}

/** True when there is nobody to ask yet, or nobody who can answer; false when the answer was a refusal, which stays one. */
export function isAbsent(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isAbsent);
  const code = errorCode(error) ?? '';
  const isRefusal =
    ['28', '3D'].includes(code.slice(0, 2)) || (error instanceof Error && noTls.test(error.message));
  return !isRefusal && isUnavailable(error);
}

const noTls = /does not support SSL/;

/** A host with several addresses fails once for each, and the whole then has no message. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
