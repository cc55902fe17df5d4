import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { countCodePoints, defaultPasswordLengths, foldPassword } from './policy.ts';

/**
 * The data file, not the package's entry point: importing that would keep the whole list, its compressed form
 * and a dictionary of dice words in memory for the life of the process.
 */
const builtInList = '@zxcvbn-ts/language-common/src/passwords.json';

export interface BlocklistOptions {
  /** A UTF-8 file of further passwords, one a line; blank lines are skipped. */
  file?: string;
  /** Code points. Shorter entries are left out, as the policy's minimum refuses them anyway. */
  minLength?: number;
}

/**
 * Common passwords, folded as checkPassword folds what it looks up: the built-in list (about 18,000 of eight
 * characters or more) and those of `file`.
 *
 * @throws Error when `file` cannot be read
 */
export async function loadBlocklist(options: BlocklistOptions = {}): Promise<ReadonlySet<string>> {
  const minLength = options.minLength ?? defaultPasswordLengths.minLength;
  const blocklist = new Set<string>();
  const add = (password: string) => {
    const folded = foldPassword(password);
    if (countCodePoints(folded) >= minLength) blocklist.add(folded);
  };

  const builtIn = await readFile(createRequire(import.meta.url).resolve(builtInList), 'utf8');
  for (const password of JSON.parse(builtIn) as string[]) add(password);

  if (options.file !== undefined) {
    for (const line of (await readList(options.file)).split(/\r?\n/)) add(line);
  }
  return blocklist;
}

async function readList(file: string): Promise<string> {
  try {
    const text = await readFile(file, 'utf8');
    return text.startsWith('\uFEFF') ? text.slice(1) : text;
  } catch (cause) {
    throw new Error(`The password blocklist ${file} cannot be read`, { cause });
  }
}
