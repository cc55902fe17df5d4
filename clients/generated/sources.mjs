import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

/** @returns {string} all that was generated below a folder in files whose names end in `.py`, say, each after its name */
export function readSources(folder, ending) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(ending))
    .map((name) => `${name}\n${readFileSync(path.join(folder, name), 'utf8')}`)
    .join('\n');
}

/** "refresh_token" for "refreshToken". */
export const snakeCase = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** "RefreshToken" for "refreshToken". */
export const pascalCase = (name) => name.replace(/^[a-z]/, (letter) => letter.toUpperCase());
