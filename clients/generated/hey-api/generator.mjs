import { runTypeScript } from '../typescript.mjs';

export const name = 'hey-api';
export const version = '0.95.0';
export const language = 'TypeScript';
export const needs = [];
export const command =
  'npx --yes @hey-api/openapi-ts@0.95.0 --no-log-file --input http://127.0.0.1:8000/openapi.json --output gatehouse';

/** @param {import('../generators.mjs').Job} job */
export const run = (job) => runTypeScript(job, import.meta.dirname, { exactOptionalPropertyTypes: false });
