import { runTypeScript } from '../typescript.mjs';

export const name = 'openapi-zod-client';
export const version = '1.18.3';
export const language = 'TypeScript';
export const needs = [];
export const command =
  'npx --yes openapi-zod-client@1.18.3 http://127.0.0.1:8000/openapi.json --export-schemas --output gatehouse.ts';

/** @param {import('../generators.mjs').Job} job */
export const run = (job) => runTypeScript(job, import.meta.dirname);
