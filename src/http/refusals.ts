import { ApiError, type ErrorCode, errorCatalogue, type FieldError } from '../errors.ts';
import { envelope } from './error-handler.ts';
import {
  fromAnyOperation,
  fromBodies,
  fromDatabase,
  fromForms,
  fromOverload,
  type Meanings,
} from './meanings.ts';
import { errorResponse } from './schemas/errors.ts';
import { requestIdHeader } from './schemas/response.ts';

/** The refusals an operation with a body declares: its own and those that any such operation may send. */
export function refusalsWithBody(own: Meanings, exampleErrors: FieldError[]) {
  return refusals({ ...fromBodies, ...own }, exampleErrors);
}

/** The refusals an operation declares that takes a form from a client. */
export function refusalsWithForm(own: Meanings = {}) {
  return refusals({ ...fromForms, ...own });
}

/**
 * The refusals an operation declares that asks the database: its own and those that any such operation may send.
 *
 * @param exampleErrors what the example of a VALIDATION_ERROR finds wrong
 */
export function refusals(own: Meanings, exampleErrors: FieldError[] = []) {
  return responsesFor({ ...fromDatabase, ...own, ...fromOverload, ...fromAnyOperation }, exampleErrors);
}

/** The refusals that an operation may send that asks for nothing and looks nothing up. */
export function basicRefusals() {
  return responsesFor({ ...fromOverload, ...fromAnyOperation }, []);
}

/** The refusals that even a probe may send. */
export function probeRefusals() {
  return responsesFor(fromAnyOperation, []);
}

type ErrorResponseSchema = ReturnType<typeof errorResponse>;

/** One response for each status among the codes, with the meaning and an example of each code. */
function responsesFor(meanings: Meanings, exampleErrors: FieldError[]): Record<number, ErrorResponseSchema> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of Object.keys(meanings) as ErrorCode[]) {
    const { status } = errorCatalogue[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const responses: Record<number, ErrorResponseSchema> = {};
  for (const [status, codes] of [...byStatus].sort(([a], [b]) => a - b)) {
    responses[status] = errorResponse({
      description: codes.map((code) => `\`${code}\`: ${meanings[code]}.`).join('\n\n'),
      headers: {
        ...headersOf(status),
        ...('RATE_LIMITED' in meanings && counted.has(status) && rateLimitHeaders),
      },
      examples: Object.fromEntries(codes.map((code) => [code, exampleOf(code, exampleErrors)])),
    });
  }
  return responses;
}

/** What rate limits count is answered with one of these, and says how many are left. */
const counted = new Set([401, 409]);

/** Made by what makes the real ones. */
function exampleOf(code: ErrorCode, errors: FieldError[]) {
  return envelope(new ApiError(code, code === 'VALIDATION_ERROR' ? { errors } : {}));
}

/** The headers that a response with this status declares. */
export function headersOf(status: number): Record<string, object> {
  if (status === 401) {
    return {
      ...requestIdHeader,
      'www-authenticate': { type: 'string', description: 'How to authenticate (RFC 9110 §11.6.1)' },
    };
  }
  if (status === 429)
    return { ...requestIdHeader, 'retry-after': seconds(1, 86_400, 'Seconds to wait'), ...rateLimitHeaders };
  if (status === 503) return { ...requestIdHeader, 'retry-after': seconds(1, 3600, 'Seconds to wait') };
  return requestIdHeader;
}

function seconds(minimum: number, maximum: number, description: string) {
  return { type: 'integer', format: 'int32', minimum, maximum, description };
}

/** draft-ietf-httpapi-ratelimit-headers-05 */
export const rateLimitHeaders = {
  'ratelimit-limit': {
    type: 'integer',
    format: 'int32',
    minimum: 1,
    maximum: 1_000_000,
    description: 'How many the limit that is the nearest to its end allows in its window',
  },
  'ratelimit-remaining': {
    type: 'integer',
    format: 'int32',
    minimum: 0,
    maximum: 1_000_000,
    description: 'How many are left',
  },
  'ratelimit-reset': seconds(0, 86_400, 'Seconds until the window ends'),
};
