import { errorCodes } from './operations.ts';
import { readRetryAfter } from './retry-after.ts';
import type { ErrorCode, FieldError } from './schema.ts';

/**
 * Gatehouse has answered with an error, or something on the way to it has. Neither this nor any other error of the
 * client holds a token or a password.
 */
export class GatehouseError extends Error {
  override readonly name = 'GatehouseError';
  /** The HTTP status. */
  readonly status: number;
  /** What to act on. UNKNOWN when the code is newer than this client or the answer is not Gatehouse's: act on `status` then. */
  readonly errorCode: ErrorCode | 'UNKNOWN';
  /** The code as it was sent, known or not; undefined when the answer is not Gatehouse's. */
  readonly sentErrorCode: string | undefined;
  /** For people, in English; empty when the answer is not Gatehouse's. */
  readonly detail: string;
  /** One entry for each fault of a VALIDATION_ERROR; else empty. */
  readonly errors: readonly FieldError[];
  /** When to try again, in seconds, if the answer says so. */
  readonly retryAfterSeconds: number | undefined;
  /** Names the request in the log of the service. */
  readonly requestId: string | undefined;

  /** @param body what was answered, parsed where it is JSON */
  constructor({ status, headers }: Response, body: unknown) {
    const { sentErrorCode, detail, errors } = readEnvelope(body);
    const errorCode = knownErrorCode(sentErrorCode);
    super(`${status} ${errorCode}${detail && `: ${detail}`}`);
    this.status = status;
    this.errorCode = errorCode;
    this.sentErrorCode = sentErrorCode;
    this.detail = detail;
    this.errors = errors;
    this.retryAfterSeconds = readRetryAfter(headers);
    this.requestId = headers.get('x-request-id') ?? undefined;
  }
}

/**
 * There was no answer, no whole one, or none of the service, as where a captive portal answers in its place: the `cause` is
 * what fetch threw, a DOMException TimeoutError, or an Error that says so, without what came.
 */
export class GatehouseNetworkError extends Error {
  override readonly name = 'GatehouseNetworkError';

  constructor(cause: unknown) {
    super('There was no answer', { cause });
  }
}

export function knownErrorCode(sent: string | undefined): GatehouseError['errorCode'] {
  return errorCodes.find((code) => code === sent) ?? 'UNKNOWN';
}

/** The `error_code` of an answer, undefined when it is not an error of Gatehouse's. Leaves the body to be read. */
export async function errorCodeOf(response: Response): Promise<string | undefined> {
  return readEnvelope(await jsonOf(response)).sentErrorCode;
}

/** The body, undefined where it is not JSON. Leaves it to be read. */
export function jsonOf(response: Response): Promise<unknown> {
  return response
    .clone()
    .json()
    .catch(() => undefined);
}

interface Envelope {
  sentErrorCode: string | undefined;
  detail: string;
  errors: FieldError[];
}

function readEnvelope(body: unknown): Envelope {
  const { error_code, detail, errors } = isRecord(body) ? body : {};
  return {
    sentErrorCode: typeof error_code === 'string' ? error_code : undefined,
    detail: typeof error_code === 'string' && typeof detail === 'string' ? detail : '',
    errors: Array.isArray(errors) ? errors.filter(isFieldError) : [],
  };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isFieldError(value: unknown): value is FieldError {
  return isRecord(value) && typeof value['field'] === 'string' && typeof value['message'] === 'string';
}
