import { runGo } from '../go.mjs';
import { go } from '../needs.mjs';

export const name = 'oapi-codegen';
export const version = 'v2.8.2';
export const language = 'Go';
export const needs = [go];
export const command =
  'go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -generate types,client -package gatehouse -o gatehouse/gatehouse.go http://127.0.0.1:8000/openapi.json';

/** @param {import('../generators.mjs').Job} job */
export const run = (job) =>
  runGo(
    job,
    import.meta.dirname,
    (name) => new RegExp(`^func \\(c \\*ClientWithResponses\\) ${name}WithResponse\\(`, 'm'),
  );
