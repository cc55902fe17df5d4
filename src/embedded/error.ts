import { StartError } from '../errors.ts';

/** What a person can always do instead of using the embedded Postgres. */
export const useYourOwn = 'set DATABASE_URL to a Postgres of your own';

/** Why the embedded Postgres cannot serve. The message says what happened and what to do; it is meant for a person. */
export class EmbeddedPostgresError extends StartError {
  override readonly name = 'EmbeddedPostgresError';

  /**
   * @param problem what happened, a sentence without its full stop
   * @param remedy what to do about it, a sentence without its full stop
   * @param evidence the last lines of a log or of a program's output
   */
  constructor(problem: string, remedy: string, evidence = '', options?: ErrorOptions) {
    const tail = lastLines(evidence);
    super(`Embedded Postgres: ${problem}. Please ${remedy}.${tail && `\n${tail}`}`, options);
  }
}

function lastLines(text: string, count = 15): string {
  return text
    .trimEnd()
    .split('\n')
    .slice(-count)
    .map((line) => `  | ${line}`)
    .filter((line) => line.trim() !== '|')
    .join('\n');
}
