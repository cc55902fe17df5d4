import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { StartError } from '../errors.ts';
import { countCodePoints, foldPassword } from './policy.ts';

/**
 * The data file, not the package's entry point: importing that would keep the whole list, its compressed form
 * and a dictionary of dice words in memory for the life of the process.
 */
const builtInList = '@zxcvbn-ts/language-common/src/passwords.json';

/** Of which folding changes the case, and nothing else. */
const plain = /^[\x20-\x7e]*$/;

/** The file of further passwords cannot be read. */
export class BlocklistError extends StartError {
  override readonly name = 'BlocklistError';
}

export interface BlocklistOptions {
  /** A UTF-8 file of further passwords, one a line; blank lines are skipped. */
  file?: string;
  /** Code points. Shorter entries are left out, as the policy's minimum refuses them anyway. */
  minLength: number;
}

/**
 * Common passwords, folded as checkPassword folds what it looks up: the built-in list (about 18,000 of eight
 * characters or more) and those of `file`.
 *
 * @throws BlocklistError when `file` cannot be read
 */
export async function loadBlocklist({ file, minLength }: BlocklistOptions): Promise<ReadonlySet<string>> {
  const blocklist = new Set<string>();
  const add = (password: string) => {
    // All of the built-in list, most of which is too short: folding each would take three times as long
    if (plain.test(password)) {
      if (password.length >= minLength) blocklist.add(password.toLowerCase());
      return;
    }
    const folded = foldPassword(password);
    if (countCodePoints(folded) >= minLength) blocklist.add(folded);
  };

  const builtIn = await readFile(createRequire(import.meta.url).resolve(builtInList), 'utf8');
  for (const password of JSON.parse(builtIn) as string[]) add(password);

  if (file !== undefined) {
    for (const line of (await readList(file)).split(/\r?\n/)) add(line);
  }
  return blocklist;
}

async function readList(file: string): Promise<string> {
  try {
    const text = await readFile(file, 'utf8');
    return text.startsWith('\uFEFF') ? text.slice(1) : text;
  } catch (cause) {
    throw new BlocklistError(
      `PASSWORD_BLOCKLIST_FILE: ${file} cannot be read (${(cause as Error).message})`,
      { cause },
    );
  }
}
