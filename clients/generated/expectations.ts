// What all journeys have in common, whichever client they are made with
import { randomUUID } from 'node:crypto';

export const origin = process.env['GATEHOUSE_ORIGIN'] ?? 'http://127.0.0.1:8000';

const email = (name: string) => `${name}-${randomUUID()}@example.com`;

/** Says nothing about herself. */
export const ada = { name: 'Ada', email: email('ada'), location: 'London', password: 'analytical engine' };

export const grace = {
  name: 'Grace',
  email: email('grace'),
  location: 'New York',
  about: 'Compilers',
  password: 'nanoseconds of wire',
};

/** Every schema takes it, and the service refuses it. */
export const commonPassword = 'password1';

type Handled = 'SESSION_ENDED' | 'SESSION_NOT_FOUND' | 'EMAIL_ALREADY_EXISTS' | 'VALIDATION_ERROR';

/** Takes the union of all codes, as a client has it: never plain text, nor a union that lacks one of those handled. */
type Refusal<Code extends string> = (string extends Code
  ? never
  : [Handled] extends [Code]
    ? unknown
    : never) & {
  error_code: Code;
  errors?: { field: string }[] | undefined;
};

/** What a program makes of a refusal. */
export function meaningOf<Code extends string>({ error_code, errors = [] }: Refusal<Code>): string {
  switch (error_code) {
    case 'SESSION_ENDED':
      return 'log in again';
    case 'SESSION_NOT_FOUND':
      return 'it has ended already';
    case 'EMAIL_ALREADY_EXISTS':
      return 'log in instead';
    case 'VALIDATION_ERROR':
      return `mend ${errors.map(({ field }) => field).join(' and ')}`;
    default:
      return error_code;
  }
}

// @ts-expect-error: where the code is any text, nothing is known
const ofText = (refusal: { error_code: string }) => meaningOf(refusal);
// @ts-expect-error: and so where a code is not among those that the document has
const ofFewer = (refusal: { error_code: 'SESSION_ENDED' | 'VALIDATION_ERROR' }) => meaningOf(refusal);
void [ofText, ofFewer];
