import type { ErrorCode } from '../errors.ts';

/**
 * What error codes mean to those who write clients, and what a client does about each: said at every operation, which
 * may say it more precisely.
 */
export type Meanings = { readonly [Code in ErrorCode]?: string };

const again = 'try again after `retry-after` seconds';

/** Of what is refused while there is too much to do, which may be each operation but the probes. */
export const fromOverload: Meanings = {
  OVERLOADED: `Too much is being asked of this instance right now, and the request was not carried out; ${again}`,
};

export const fromAnyOperation: Meanings = {
  MALFORMED_REQUEST: 'The request is not valid HTTP; repeating it as it is does not help',
  REQUEST_TIMEOUT:
    'The request did not arrive within ten seconds and was not carried out; it may be repeated',
  EXPECTATION_FAILED: 'The `Expect` header asks for something other than `100-continue`; leave it out',
  HEADERS_TOO_LARGE: 'The path and the headers together exceed 16 KiB',
  INTERNAL_ERROR:
    'Something went wrong on our side, and it is not known whether the request took effect; the log has it under the `x-request-id`',
};

export const fromDatabase: Meanings = {
  DATABASE_UNAVAILABLE: `The database cannot be reached right now, and in rare cases the request has taken effect all the same; ${again}`,
};

export const fromHashing: Meanings = {
  PASSWORD_HASHING_BUSY: `Too many passwords are being checked right now, and this one was not; ${again}`,
  SHUTTING_DOWN:
    'This instance is shutting down and did nothing; try again on a new connection, which reaches another',
};

export const fromBodies: Meanings = {
  MALFORMED_JSON: 'The body is empty, or not valid JSON in UTF-8',
  BODY_TOO_LARGE: 'The body exceeds 16 KiB',
  UNSUPPORTED_MEDIA_TYPE: 'The body is not sent as `application/json`, or it is compressed',
  VALIDATION_ERROR:
    'Nothing was done, as fields are missing, unknown, given twice or not acceptable; `errors` names each with the reason',
};

/** An operation without a body takes an empty object for none, as many clients send one. */
export const fromAbsentBodies: Meanings = {
  ...fromBodies,
  MALFORMED_JSON: 'A body was sent, and it is not valid JSON in UTF-8',
  VALIDATION_ERROR: 'A body with fields was sent; this operation has none',
};

export const fromForms: Meanings = {
  RATE_LIMITED:
    'Too many clients have failed to authenticate from this address, and so has this one; try again after `retry-after` seconds. A client with the right secret is never limited',
  OAUTH_REQUEST_INVALID:
    'The parameter `token` is missing, a parameter is given twice, two clients or two ways to authenticate are used, or the form is not valid UTF-8',
  CLIENT_AUTHENTICATION_FAILED:
    'No credentials of a client were sent, or the client is unknown, or its secret is wrong; which of these, is not told',
  BODY_TOO_LARGE: 'The form exceeds 16 KiB',
  UNSUPPORTED_MEDIA_TYPE: 'The body is not sent as `application/x-www-form-urlencoded`, or it is compressed',
};

export const fromAccessTokens: Meanings = {
  AUTHENTICATION_REQUIRED: 'No access token was sent; send one as `Authorization: Bearer …`',
  ACCESS_TOKEN_INVALID:
    'What was sent is no access token of this service, or no longer one; refresh, then repeat the request once',
  ACCESS_TOKEN_EXPIRED: 'The access token has expired; refresh, then repeat the request once',
  SESSION_ENDED:
    'The session was logged out, left idle, has expired or made room for a newer one; the user has to log in again',
};
