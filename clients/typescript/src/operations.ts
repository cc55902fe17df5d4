// Generated from openapi.json by `npm run generate`

/** Every error code of the document. */
export const errorCodes = [
  'MALFORMED_REQUEST',
  'MALFORMED_JSON',
  'OAUTH_REQUEST_INVALID',
  'AUTHENTICATION_REQUIRED',
  'ACCESS_TOKEN_INVALID',
  'ACCESS_TOKEN_EXPIRED',
  'SESSION_ENDED',
  'CLIENT_AUTHENTICATION_FAILED',
  'INVALID_CREDENTIALS',
  'REFRESH_TOKEN_INVALID',
  'REFRESH_TOKEN_EXPIRED',
  'REFRESH_TOKEN_REUSED',
  'FORBIDDEN',
  'NOT_FOUND',
  'SESSION_NOT_FOUND',
  'METHOD_NOT_ALLOWED',
  'REQUEST_TIMEOUT',
  'EMAIL_ALREADY_EXISTS',
  'PRECONDITION_FAILED',
  'BODY_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
  'RANGE_NOT_SATISFIABLE',
  'EXPECTATION_FAILED',
  'VALIDATION_ERROR',
  'RATE_LIMITED',
  'HEADERS_TOO_LARGE',
  'INTERNAL_ERROR',
  'OVERLOADED',
  'PASSWORD_HASHING_BUSY',
  'DATABASE_UNAVAILABLE',
  'NOT_READY',
  'SHUTTING_DOWN',
] as const;

/** The operations that take an access token, some of them other things as well, by method and path template. */
export const operationsWithAccessToken = [
  'POST /api/v1/auth/logout',
  'GET /api/v1/me',
  'GET /auth/user/{user_id}',
  'GET /api/v1/me/sessions',
  'DELETE /api/v1/me/sessions/{session_id}',
  'POST /api/v1/auth/logout-others',
  'POST /api/v1/auth/logout-all',
] as const;
