import { runGo } from '../go.mjs';
import { go } from '../needs.mjs';
import * as openapiGenerator from '../openapi-generator.mjs';

export const name = 'openapi-generator-go';
export const { version } = openapiGenerator;
export const language = 'Go';
export const needs = [...openapiGenerator.needs, go];
export const command = openapiGenerator.lineFor(
  '-g go -o gatehouse --additional-properties=packageName=gatehouse,withGoMod=false,enumClassPrefix=true,enumUnknownDefaultCase=true --global-property=apiTests=false',
);

/** @param {import('../generators.mjs').Job} job */
export const run = (job) =>
  runGo(job, import.meta.dirname, (name) => new RegExp(`^func \\(a \\*\\w+\\) ${name}\\(`, 'm'));
