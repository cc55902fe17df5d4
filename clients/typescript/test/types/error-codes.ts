import type { ErrorCode, GatehouseError, User } from '@gatehouse/client';

/** Compiles as long as each code has its case: without one of them, or with one too many, it does not. */
export function isTransient(error: GatehouseError): boolean {
  switch (error.errorCode) {
    case 'PASSWORD_HASHING_BUSY':
    case 'DATABASE_UNAVAILABLE':
    case 'NOT_READY':
    case 'OVERLOADED':
    case 'RATE_LIMITED':
    case 'SHUTTING_DOWN':
    case 'REQUEST_TIMEOUT':
      return true;
    case 'MALFORMED_REQUEST':
    case 'MALFORMED_JSON':
    case 'OAUTH_REQUEST_INVALID':
    case 'AUTHENTICATION_REQUIRED':
    case 'ACCESS_TOKEN_INVALID':
    case 'ACCESS_TOKEN_EXPIRED':
    case 'SESSION_ENDED':
    case 'CLIENT_AUTHENTICATION_FAILED':
    case 'INVALID_CREDENTIALS':
    case 'REFRESH_TOKEN_INVALID':
    case 'REFRESH_TOKEN_EXPIRED':
    case 'REFRESH_TOKEN_REUSED':
    case 'FORBIDDEN':
    case 'NOT_FOUND':
    case 'SESSION_NOT_FOUND':
    case 'METHOD_NOT_ALLOWED':
    case 'EMAIL_ALREADY_EXISTS':
    case 'PRECONDITION_FAILED':
    case 'BODY_TOO_LARGE':
    case 'UNSUPPORTED_MEDIA_TYPE':
    case 'RANGE_NOT_SATISFIABLE':
    case 'EXPECTATION_FAILED':
    case 'VALIDATION_ERROR':
    case 'HEADERS_TOO_LARGE':
    case 'INTERNAL_ERROR':
      return false;
    case 'UNKNOWN':
      return error.status >= 500;
    default:
      return error.errorCode satisfies never;
  }
}

export const inUnion: ErrorCode = 'EMAIL_ALREADY_EXISTS';

// @ts-expect-error: the union is closed
export const notInUnion: ErrorCode = 'EMAIL_TAKEN';

export const about = (user: User): string | null => user.about;

// @ts-expect-error: about may be null
export const aboutText = (user: User): string => user.about;
