import { runTypeScript } from '../typescript.mjs';

export const name = 'oazapfts';
export const version = '7.5.0';
export const language = 'TypeScript';
export const needs = [];
export const command =
  'npx --yes oazapfts@7.5.0 --allSchemas http://127.0.0.1:8000/openapi.json gatehouse.ts';

/** @param {import('../generators.mjs').Job} job */
export const run = (job) => runTypeScript(job, import.meta.dirname, { exactOptionalPropertyTypes: false });
