import { runTypeScript } from '../typescript.mjs';

export const name = 'orval';
export const version = '7.13.2';
export const language = 'TypeScript';
export const needs = [];
export const command =
  'npx --yes orval@7.13.2 --client fetch --input http://127.0.0.1:8000/openapi.json --output gatehouse.ts';

/** @param {import('../generators.mjs').Job} job */
export const run = (job) => runTypeScript(job, import.meta.dirname);
