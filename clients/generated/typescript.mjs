import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { checkNames } from './names.mjs';

/**
 * For the generated code too: strict, and beyond that what most of it survives. What the journeys import is in this
 * package's node_modules, whose own declarations are not judged.
 */
const compilerOptions = {
  target: 'es2022',
  lib: ['es2022', 'dom', 'dom.iterable'],
  module: 'nodenext',
  types: ['node'],
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  skipLibCheck: true,
  outDir: 'built',
  rootDir: '.',
};

const declaration = {
  type: (name) => new RegExp(`\\b(?:type|interface|const) ${name}\\b`),
  operation: (name) => new RegExp(`\\b${name}(?: = |\\(|: )|alias: "${name}"`),
};

/**
 * Generates, compiles the client together with the journey.ts of its folder, and runs that.
 *
 * @param {import('./generators.mjs').Job} job
 * @param {string} source the generator's folder
 * @param {Partial<typeof compilerOptions>} loosened what the generated code does not survive
 */
export async function runTypeScript({ command, origin, folder, exec }, source, loosened = {}) {
  const write = (name, content) => writeFileSync(path.join(folder, name), JSON.stringify(content));
  write('tsconfig.json', { compilerOptions: { ...compilerOptions, ...loosened }, include: ['**/*.ts'] });
  await exec('generate', command);
  checkNames(demandChecks(folder), declaration);
  copyFileSync(path.join(source, 'journey.ts'), path.join(folder, 'journey.ts'));
  copyFileSync(path.join(source, '..', 'expectations.ts'), path.join(folder, 'expectations.ts'));
  await exec('compile', 'npx tsc');
  await exec('journey', 'node built/journey.js', { env: { GATEHOUSE_ORIGIN: origin } });
}

/** Takes back what asks the compiler to look away; gives all that was generated. */
function demandChecks(folder) {
  const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.ts'));
  return files
    .map((name) => {
      const file = path.join(folder, name);
      const text = readFileSync(file, 'utf8').replaceAll(/@ts-(?:nocheck|ignore|expect-error)\b/g, '');
      writeFileSync(file, text);
      return text;
    })
    .join('\n');
}
