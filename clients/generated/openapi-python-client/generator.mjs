import { python } from '../needs.mjs';
import { runPython } from '../python.mjs';

export const name = 'openapi-python-client';
export const version = '0.29.1';
export const language = 'Python';
export const needs = [python];
export const command =
  'python3 -m venv .venv && . .venv/bin/activate && pip install --quiet openapi-python-client==0.29.1 && openapi-python-client generate --url http://127.0.0.1:8000/openapi.json --output-path gatehouse-python';

/** @param {import('../generators.mjs').Job} job */
export const run = (job) =>
  runPython(job, import.meta.dirname, {
    project: 'gatehouse-python',
    package: 'gatehouse_client',
    // A module for each, with functions that are called the same in all
    operation: (name) => new RegExp(`/api/\\w+/${name}\\.py$`, 'm'),
  });
