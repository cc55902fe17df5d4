import { type ErrorCode, errorCatalogue } from '../errors.ts';
import { errorResponse } from './schemas/errors.ts';
import { requestIdHeader } from './schemas/response.ts';

const fromAnyOperation: ErrorCode[] = [
  'MALFORMED_REQUEST',
  'REQUEST_TIMEOUT',
  'EXPECTATION_FAILED',
  'HEADERS_TOO_LARGE',
  'INTERNAL_ERROR',
];
const fromBodies: ErrorCode[] = [
  'MALFORMED_JSON',
  'BODY_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'VALIDATION_ERROR',
];
const fromForms: ErrorCode[] = [
  'OAUTH_REQUEST_INVALID',
  'CLIENT_AUTHENTICATION_FAILED',
  'BODY_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
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

/** The refusals an operation declares that takes a form from a client. */
export function refusalsWithForm() {
  return refusals(...fromForms);
}

/** The refusals an operation declares that asks the database: its own and those that any such operation may send. */
export function refusals(...codes: ErrorCode[]): Record<number, ErrorResponseSchema> {
  return responsesFor(...codes, ...fromAnyOperation, 'DATABASE_UNAVAILABLE');
}

/** The refusals that even an operation may send that asks for nothing and looks nothing up. */
export function basicRefusals(): Record<number, ErrorResponseSchema> {
  return responsesFor(...fromAnyOperation);
}

type ErrorResponseSchema = ReturnType<typeof errorResponse>;

/** One response for each status among the codes, which are named in its description. */
function responsesFor(...codes: ErrorCode[]): Record<number, ErrorResponseSchema> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of new Set(codes)) {
    const { status } = errorCatalogue[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const responses: Record<number, ErrorResponseSchema> = {};
  for (const [status, same] of [...byStatus].sort(([a], [b]) => a - b)) {
    const description = same.map((code) => `\`${code}\`: ${errorCatalogue[code].detail}`).join('\n\n');
    responses[status] = errorResponse({ description, headers: headersOf(status) });
  }
  return responses;
}

/** The headers that a response with this status declares. */
export function headersOf(status: number): Record<string, object> {
  if (status === 401) {
    return {
      ...requestIdHeader,
      'www-authenticate': { type: 'string', description: 'How to authenticate (RFC 9110 §11.6.1)' },
    };
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
