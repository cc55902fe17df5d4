import { inspect } from 'node:util';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { ApiError, type ErrorCode, type FieldError, type OAuthError } from '../errors.ts';
import { fieldErrors } from './validation.ts';

declare module 'fastify' {
  interface FastifyReply {
    /** The code that was sent, for the request's log line. */
    errorCode: ErrorCode | null;
  }
}

/** The body of every error, as clients of the first Python program already parse it. */
export interface ErrorEnvelope {
  detail: string;
  error_code: ErrorCode;
  /** The same in the words of OAuth, for what RFC 6749 §5.2 has a word. */
  error?: OAuthError;
  errors?: FieldError[];
}

/** Makes the one envelope of everything that is thrown, by us, by Fastify, or by a defect. */
export default fp(
  async (app) => {
    app.decorateReply('errorCode', null);
    app.setErrorHandler((error: unknown, request, reply) => {
      sendError(toApiError(error), request, reply);
    });
  },
  { name: 'error-handler' },
);

export function sendError(error: ApiError, request: FastifyRequest, reply: FastifyReply): void {
  reply.errorCode = error.code;
  const { cause } = error;
  request.log[severity(error)](
    { ...(cause !== undefined && { err: cause }), error_code: error.code },
    error.detail,
  );

  // What a route lets caches keep is its answer, not its failure
  reply.header('cache-control', 'no-store');
  if (error.retryAfter !== undefined) reply.header('retry-after', String(error.retryAfter));
  if (error.allow !== undefined) reply.header('allow', error.allow.join(', '));
  if (error.statusCode === 401) reply.header('www-authenticate', challenge(error.code));
  reply.code(error.statusCode).type('application/json').send(envelope(error));
}

// Worth a look, but what the service is built to do
const expected: ErrorCode[] = ['PASSWORD_HASHING_BUSY', 'SHUTTING_DOWN'];

function severity({ statusCode, code }: ApiError): 'error' | 'warn' | 'debug' {
  if (expected.includes(code)) return 'warn';
  return statusCode >= 500 ? 'error' : 'debug';
}

// A small request must not get a large answer
const maxFieldErrors = 20;
const maxFieldLength = 100;

export function envelope({ detail, code, oauth, errors }: ApiError): ErrorEnvelope {
  const body = { detail, error_code: code, ...(oauth && { error: oauth }) };
  if (!errors) return body;
  const shown = errors.slice(0, maxFieldErrors).map(({ field, message }) => ({
    field: field.length > maxFieldLength ? `${field.slice(0, maxFieldLength).toWellFormed()}…` : field,
    message,
  }));
  return { ...body, errors: shown };
}

// RFC 6750 §3.1: a challenge says invalid_token when a token was presented, and nothing when none was
const refusedTokens: ErrorCode[] = ['ACCESS_TOKEN_INVALID', 'ACCESS_TOKEN_EXPIRED', 'SESSION_ENDED'];

function challenge(code: ErrorCode): string {
  // RFC 6749 §5.2: the scheme by which clients authenticate; RFC 7617 §2.1: in UTF-8
  if (code === 'CLIENT_AUTHENTICATION_FAILED') return 'Basic realm="gatehouse", charset="UTF-8"';
  const realm = 'Bearer realm="gatehouse"';
  return refusedTokens.includes(code) ? `${realm}, error="invalid_token"` : realm;
}

// What serves files throws errors that have a status alone
const fileStatuses: Record<number, ErrorCode> = { 412: 'PRECONDITION_FAILED', 416: 'RANGE_NOT_SATISFIABLE' };

const frameworkCodes: Record<string, ErrorCode> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'MALFORMED_JSON',
};

/** Anything thrown may be anything: `throw null` is legal. What is not known to be the client's fault is ours. */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (!(error instanceof Error))
    return new ApiError('INTERNAL_ERROR', { cause: new Error(`thrown: ${describe(error)}`) });
  const { validation, code, statusCode } = error as FastifyError;
  if (validation) return new ApiError('VALIDATION_ERROR', { errors: fieldErrors(validation) });
  // What Node emits on a request whose client hangs up within the body, with the status that Fastify gives it
  if (code === 'ECONNRESET' && statusCode === 400)
    return new ApiError('REQUEST_TIMEOUT', { cause: 'the client went away' });
  const known = frameworkCodes[code] ?? fileStatuses[statusCode ?? 0];
  if (known) return new ApiError(known, { cause: error });
  if (code?.startsWith('FST_') && statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new ApiError('MALFORMED_REQUEST', { cause: error });
  }
  return new ApiError('INTERNAL_ERROR', { cause: error });
}

/** Of one line, and without running any code of the thrown thing, which may throw itself. */
function describe(thrown: unknown): string {
  return inspect(thrown, { customInspect: false, depth: 0, breakLength: Number.POSITIVE_INFINITY });
}
