import { runTypeScript } from '../typescript.mjs';

export const name = 'swagger-typescript-api';
export const version = '13.13.0';
export const language = 'TypeScript';
export const needs = [];
export const command =
  'npx --yes swagger-typescript-api@13.13.0 generate --path http://127.0.0.1:8000/openapi.json --name gatehouse.ts --enum-style=union --module-name-first-tag --disable-throw-on-error';

/** @param {import('../generators.mjs').Job} job */
export const run = (job) => runTypeScript(job, import.meta.dirname);
