import { cpSync } from 'node:fs';
import { checkNames } from './names.mjs';
import { pascalCase, readSources } from './sources.mjs';

/**
 * Generates into the module of the generator's folder, has it vetted and built, and runs it.
 *
 * @param {import('./generators.mjs').Job} job
 * @param {string} source the generator's folder, with go.mod and main.go
 * @param {(operation: string) => RegExp} operation how an operation is declared
 */
export async function runGo({ command, origin, folder, exec }, source, operation) {
  cpSync(source, folder, { recursive: true, filter: (name) => !name.endsWith('.mjs') });
  await exec('generate', command);
  checkNames(readSources(folder, '.go'), {
    type: (name) => new RegExp(`^type ${name} (?:struct|string)\\b`, 'm'),
    operation: (name) => operation(pascalCase(name)),
  });
  await exec('compile', 'go vet ./... && go build -o journey .');
  await exec('journey', './journey', { env: { GATEHOUSE_ORIGIN: origin } });
}
