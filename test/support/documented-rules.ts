import { isEmail } from '../../src/accounts/email.ts';
import type { ErrorCode } from '../../src/errors.ts';
import { checkPassword, type PasswordPolicy, preparePassword } from '../../src/passwords/policy.ts';
import { gateway } from './clients.ts';
import type { FuzzedOperation } from './fuzzed-operation.ts';

interface Sent {
  bytes: number;
  limit: number;
  /** Whether the client authenticates by HTTP Basic. */
  basic: boolean;
}

/** A rule that the document states in words, as no schema of OpenAPI can, or could without breaking clients. */
export interface DocumentedRule {
  /** Where it holds, the words are in the document. */
  holdsFor(operation: FuzzedOperation): boolean;
  words: RegExp;
  isBrokenBy(body: Record<string, unknown>, sent: Sent): boolean;
  answer: ErrorCode;
  /** The only field that it is about. */
  field?: string;
}

/** All exceptions from "what the schema allows is accepted". */
export function documentedRules(policy: PasswordPolicy): DocumentedRule[] {
  const isForm = ({ takes }: FuzzedOperation) => takes === 'form';
  const isJson = ({ takes }: FuzzedOperation) => takes === 'json';
  return [
    {
      words: /The (body|form) exceeds \d+ KiB/,
      holdsFor: ({ bodyLimit }) => bodyLimit !== undefined,
      isBrokenBy: (_body, { bytes, limit }) => bytes > limit,
      answer: 'BODY_TOO_LARGE',
    },
    {
      words: /no common password, not blank, not your email or name/,
      holdsFor: ({ body: { properties = {} } }) => 'password' in properties && 'name' in properties,
      // By the policy's own function: what that is to refuse, policy.test.ts knows
      isBrokenBy: ({ password, email, name = '' }) =>
        checkPassword(preparePassword(String(password)), { email: String(email), name: String(name) }, policy)
          .length > 0,
      answer: 'VALIDATION_ERROR',
      field: 'password',
    },
    {
      words: /at most 254 bytes of UTF-8, with no quoted part and a domain of two labels or more/,
      holdsFor: ({ body: { properties = {} } }) => properties['email']?.format === 'email',
      // By the service's own function: what that is to refuse, email.test.ts knows
      isBrokenBy: ({ email }) => !isEmail(String(email)),
      answer: 'VALIDATION_ERROR',
      field: 'email',
    },
    {
      words: /no text holds U\+0000/,
      holdsFor: isJson,
      isBrokenBy: (body) => Object.values(body).some((value) => String(value).includes('\0')),
      answer: 'VALIDATION_ERROR',
    },
    {
      words: /One that is empty counts as missing/,
      holdsFor: isForm,
      isBrokenBy: ({ token }) => token === '',
      answer: 'OAUTH_REQUEST_INVALID',
    },
    {
      words: /two clients or two ways to authenticate are used/,
      holdsFor: isForm,
      isBrokenBy: ({ client_id: id = '', client_secret: secret = '' }, { basic }) =>
        basic && (secret !== '' || (id !== '' && id !== gateway.id)),
      answer: 'OAUTH_REQUEST_INVALID',
    },
  ];
}
