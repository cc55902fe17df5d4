import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { checkNames } from './names.mjs';

/** As strict as TypeScript is, for the generated code too. What the journeys import is in this package's node_modules. */
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
 * @param {import('./run.mjs').Job} job
 * @param {string} source the generator's folder
 * @param {Partial<typeof compilerOptions>} loosened what the generated code does not survive
 */
export async function runTypeScript({ command, origin, folder, exec }, source, loosened = {}) {
  const write = (name, content) => writeFileSync(path.join(folder, name), JSON.stringify(content));
  write('tsconfig.json', { compilerOptions: { ...compilerOptions, ...loosened }, include: ['**/*.ts'] });
  await exec('generate', command);
  checkNames(readGenerated(folder), declaration);
  copyFileSync(path.join(source, 'journey.ts'), path.join(folder, 'journey.ts'));
  copyFileSync(path.join(source, '..', 'expectations.ts'), path.join(folder, 'expectations.ts'));
  await exec('compile', 'npx tsc');
  await exec('journey', 'node built/journey.js', { env: { GATEHOUSE_ORIGIN: origin } });
}

function readGenerated(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(path.join(folder, name), 'utf8'))
    .join('\n');
}
