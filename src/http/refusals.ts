import { type ErrorCode, errorCatalogue } from '../errors.ts';
import { errorResponse } from './schemas.ts';

const fromAnyOperation: ErrorCode[] = [
  'MALFORMED_REQUEST',
  'REQUEST_TIMEOUT',
  'HEADERS_TOO_LARGE',
  'INTERNAL_ERROR',
  'DATABASE_UNAVAILABLE',
];
const fromBodies: ErrorCode[] = [
  'MALFORMED_JSON',
  'BODY_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'VALIDATION_ERROR',
  'EXPECTATION_FAILED',
];
export const fromAccessTokens: ErrorCode[] = [
  'AUTHENTICATION_REQUIRED',
  'ACCESS_TOKEN_INVALID',
  'ACCESS_TOKEN_EXPIRED',
  'SESSION_ENDED',
];

/** The refusals an operation with a body declares: its own and those that any such operation may send. */
export function refusalsWithBody(...codes: ErrorCode[]) {
  return refusals(...codes, ...fromBodies);
}

/** One response for each status among the codes, which are named in its description. */
export function refusals(...codes: ErrorCode[]): Record<number, ReturnType<typeof errorResponse>> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set([...codes, ...fromAnyOperation])) {
    const { status } = errorCatalogue[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const responses: Record<number, ReturnType<typeof errorResponse>> = {};
  for (const [status, same] of [...byStatus].sort(([a], [b]) => a - b)) {
    const description = same.map((code) => `\`${code}\`: ${errorCatalogue[code].detail}`).join('\n\n');
    responses[status] = errorResponse({ description, headers: headersOf(status) });
  }
  return responses;
}

const requestIdHeader = { 'x-request-id': { type: 'string', description: 'Names this request in the log' } };

function headersOf(status: number): Record<string, object> {
  if (status === 401) {
    return { ...requestIdHeader, 'www-authenticate': { type: 'string', description: 'RFC 6750 §3' } };
  }
  if (status === 503) {
    const retryAfter = {
      type: 'integer',
      format: 'int32',
      minimum: 1,
      maximum: 3600,
      description: 'Seconds to wait',
    };
    return { ...requestIdHeader, 'retry-after': retryAfter };
  }
  return requestIdHeader;
}
