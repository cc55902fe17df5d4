import { cpSync } from 'node:fs';
import path from 'node:path';
import { checkNames } from '../names.mjs';
import { rust } from '../needs.mjs';
import * as openapiGenerator from '../openapi-generator.mjs';
import { readSources, snakeCase } from '../sources.mjs';

export const name = 'openapi-generator-rust';
export const { version } = openapiGenerator;
export const language = 'Rust';
export const needs = [...openapiGenerator.needs, ...rust];
export const command = openapiGenerator.lineFor(
  '-g rust -o gatehouse-rust --additional-properties=packageName=gatehouse',
);

// What it was built from is the same the next time
const built = path.join(import.meta.dirname, '..', '.cache', name);

/** @param {import('../generators.mjs').Job} job */
export async function run({ command, origin, folder, exec }) {
  await exec('generate', command);
  checkNames(readSources(path.join(folder, 'gatehouse-rust'), '.rs'), {
    type: (name) => new RegExp(`^pub (?:struct|enum) ${name} `, 'm'),
    operation: (name) => new RegExp(`^pub async fn ${snakeCase(name)}\\(`, 'm'),
  });
  const journey = path.join(folder, 'journey');
  cpSync(import.meta.dirname, journey, { recursive: true, filter: (name) => !name.endsWith('.mjs') });
  const options = { cwd: journey, env: { CARGO_TARGET_DIR: built, GATEHOUSE_ORIGIN: origin } };
  await exec('compile', 'cargo build', options);
  await exec('journey', path.join(built, 'debug', 'journey'), options);
}
