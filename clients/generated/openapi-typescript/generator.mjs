import { runTypeScript } from '../typescript.mjs';

export const name = 'openapi-typescript';
export const version = '7.13.0';
export const language = 'TypeScript';
export const needs = [];
export const command =
  'npx --yes openapi-typescript@7.13.0 http://127.0.0.1:8000/openapi.json --root-types --root-types-no-schema-prefix --output gatehouse.ts';

/** @param {import('../generators.mjs').Job} job */
export const run = (job) => runTypeScript(job, import.meta.dirname);
