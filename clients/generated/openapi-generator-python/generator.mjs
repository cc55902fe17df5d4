import { python } from '../needs.mjs';
import * as openapiGenerator from '../openapi-generator.mjs';
import { runPython } from '../python.mjs';

export const name = 'openapi-generator-python';
export const { version } = openapiGenerator;
export const language = 'Python';
export const needs = [...openapiGenerator.needs, python];
// Without the mapping it calls the field of a FieldError `var_field`
export const command = openapiGenerator.lineFor(
  '-g python -o gatehouse-python --additional-properties=packageName=gatehouse --name-mappings=field=field',
);

/** @param {import('../generators.mjs').Job} job */
export const run = (job) =>
  runPython(job, import.meta.dirname, {
    project: 'gatehouse-python',
    package: 'gatehouse',
    operation: (name) => new RegExp(`^ {4}def ${name}\\(`, 'm'),
  });
