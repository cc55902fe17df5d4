/**
 * Every error a client can meet: code → HTTP status and public detail.
 *
 * A code is part of the contract: it is never renamed and never sent with another status. The detail is for
 * people, and holds nothing a client did not already know. What really happened travels as the `cause`, which
 * only the log sees.
 */
export const errorCatalogue = {
  MALFORMED_REQUEST: { status: 400, detail: 'The request is not valid HTTP' },
  MALFORMED_JSON: { status: 400, detail: 'The request body is not valid JSON in UTF-8' },
  OAUTH_REQUEST_INVALID: {
    status: 400,
    detail: 'The request lacks a parameter, repeats one or is otherwise malformed',
    oauth: 'invalid_request',
  },
  AUTHENTICATION_REQUIRED: { status: 401, detail: 'An access token is required' },
  ACCESS_TOKEN_INVALID: { status: 401, detail: 'The access token is not valid' },
  ACCESS_TOKEN_EXPIRED: { status: 401, detail: 'The access token has expired' },
  SESSION_ENDED: { status: 401, detail: 'The session has ended' },
  CLIENT_AUTHENTICATION_FAILED: {
    status: 401,
    detail: 'The client is unknown, or its secret is missing or wrong',
    oauth: 'invalid_client',
  },
  INVALID_CREDENTIALS: { status: 401, detail: 'Incorrect email or password' },
  REFRESH_TOKEN_INVALID: { status: 401, detail: 'The refresh token is not valid' },
  REFRESH_TOKEN_EXPIRED: { status: 401, detail: 'The refresh token has expired' },
  REFRESH_TOKEN_REUSED: {
    status: 401,
    detail: 'The refresh token was already used and its session has been ended',
  },
  FORBIDDEN: { status: 403, detail: 'You may only read your own user' },
  NOT_FOUND: { status: 404, detail: 'There is nothing at this path' },
  SESSION_NOT_FOUND: { status: 404, detail: 'You have no such session' },
  METHOD_NOT_ALLOWED: { status: 405, detail: 'This path does not answer to this method' },
  REQUEST_TIMEOUT: { status: 408, detail: 'The request took too long to arrive' },
  EMAIL_ALREADY_EXISTS: { status: 409, detail: 'Email already registered' },
  PRECONDITION_FAILED: { status: 412, detail: 'A precondition of the request does not hold' },
  BODY_TOO_LARGE: { status: 413, detail: 'The request body is too large' },
  UNSUPPORTED_MEDIA_TYPE: {
    status: 415,
    detail: 'The request body is not in a format that this operation accepts',
  },
  RANGE_NOT_SATISFIABLE: { status: 416, detail: 'The requested range is not there' },
  EXPECTATION_FAILED: { status: 417, detail: 'The expectation in the Expect header cannot be met' },
  VALIDATION_ERROR: { status: 422, detail: 'The request does not match what this operation accepts' },
  RATE_LIMITED: { status: 429, detail: 'Too many attempts, try again later' },
  HEADERS_TOO_LARGE: { status: 431, detail: 'The request headers are too large' },
  INTERNAL_ERROR: { status: 500, detail: 'Something went wrong on our side' },
  OVERLOADED: {
    status: 503,
    detail: 'Too much is being asked of this instance right now, try again shortly',
  },
  PASSWORD_HASHING_BUSY: {
    status: 503,
    detail: 'Too many passwords are being checked right now, try again shortly',
  },
  DATABASE_UNAVAILABLE: {
    status: 503,
    detail: 'The database cannot be reached right now, try again shortly',
  },
  NOT_READY: { status: 503, detail: 'This instance is not ready to serve' },
  SHUTTING_DOWN: { status: 503, detail: 'This instance is shutting down, try another' },
} as const satisfies Record<string, CatalogueEntry>;

export interface CatalogueEntry {
  status: number;
  detail: string;
  /** What OAuth calls it, for clients that know nothing of our codes (RFC 6749 §5.2). */
  oauth?: OAuthError;
}

export const oauthErrors = ['invalid_client', 'invalid_request'] as const;

export type OAuthError = (typeof oauthErrors)[number];

export type ErrorCode = keyof typeof errorCatalogue;

export const errorCodes = Object.keys(errorCatalogue) as ErrorCode[];

/** What is wrong with one field of a request; `field` is the name the client sent, or "body" for the whole. */
export interface FieldError {
  field: string;
  message: string;
}

export interface ApiErrorOptions {
  /** What really happened. Logged with the request id, never sent. */
  cause?: unknown;
  /** One entry per wrong field; only with VALIDATION_ERROR. */
  errors?: FieldError[];
  /** Seconds after which trying again makes sense, 1 for any 503; sent as Retry-After (RFC 9110 §10.2.3). */
  retryAfter?: number;
  /** Methods the path does answer to; sent as Allow (RFC 9110 §10.2.1). */
  allow?: string[];
  /** Replaces the catalogue's detail where a more precise public text helps; holds no secret. */
  detail?: string;
}

/** A refusal the client is told about. Anything else that is thrown becomes INTERNAL_ERROR. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ErrorCode;
  readonly statusCode: number;
  readonly detail: string;
  readonly oauth: OAuthError | undefined;
  readonly errors: FieldError[] | undefined;
  readonly retryAfter: number | undefined;
  readonly allow: string[] | undefined;

  constructor(code: ErrorCode, options: ApiErrorOptions = {}) {
    super(code, { cause: options.cause });
    this.code = code;
    const { status, detail, oauth }: CatalogueEntry = errorCatalogue[code];
    this.statusCode = status;
    this.detail = options.detail ?? detail;
    this.oauth = oauth;
    this.errors = options.errors;
    this.retryAfter = options.retryAfter ?? (this.statusCode === 503 ? 1 : undefined);
    this.allow = options.allow;
  }
}

/** The process cannot start, and the message alone tells the operator what to do: no stack is printed. */
export abstract class StartError extends Error {}
