const codes = ['OVERLOADED', 'PASSWORD_HASHING_BUSY'];

/** The `error_code` of a body; undefined where there is none. */
export const errorCode = (body) => /"error_code":"(\w+)"/.exec(body)?.[1];

/** Whether an answer says that the service is too busy, and when to come back: a number of seconds. */
export function isRefusal({ status, code, retryAfter }) {
  return status === 503 && codes.includes(code) && Number(retryAfter) >= 1;
}
