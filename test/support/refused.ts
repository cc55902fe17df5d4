import type { Test } from 'tap';
import { type CatalogueEntry, type ErrorCode, errorCatalogue } from '../../src/errors.ts';
import type { Answer } from './app.ts';

/** Asserts the status, headers and body of a refusal with this code; the body holds nothing else. */
export function refused(t: Test, answer: Answer | undefined, code: ErrorCode): void {
  if (answer === undefined) throw new Error(`there is no answer, and ${code} was due`);
  const { status, oauth }: CatalogueEntry = errorCatalogue[code];
  const members = ['detail', 'error_code'];
  if (oauth !== undefined) members.push('error');
  if (status === 422) members.push('errors');
  t.equal(answer.status, status, `${code} is ${status}`);
  t.equal(answer.body['error_code'], code);
  t.equal(answer.body['error'], oauth);
  t.type(answer.body['detail'], 'string');
  t.strictSame(Object.keys(answer.body), members);
  t.match(answer.headers['content-type'], /^application\/json/);
  t.match(answer.headers['x-request-id'], /^\S+$/);
}

/** The fields that a 422 names, each once, sorted. */
export function refusedFields({ body }: Answer): string[] {
  const errors = (body['errors'] ?? []) as { field: string; message: string }[];
  return [...new Set(errors.map(({ field }) => field))].sort();
}
