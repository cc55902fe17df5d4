import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { checkNames } from '../names.mjs';
import { javac } from '../needs.mjs';
import * as openapiGenerator from '../openapi-generator.mjs';
import { readSources } from '../sources.mjs';

export const name = 'openapi-generator-java';
export const { version } = openapiGenerator;
export const language = 'Java';
export const needs = [...openapiGenerator.needs, javac];
export const command = openapiGenerator.lineFor(
  '-g java --library native -o gatehouse-java --invoker-package gatehouse --api-package gatehouse.api --model-package gatehouse.model --additional-properties=enumUnknownDefaultCase=true',
);

/** @param {import('../generators.mjs').Job} job */
export async function run({ command, origin, folder, exec }) {
  await exec('generate', command);
  checkNames(readSources(path.join(folder, 'gatehouse-java', 'src', 'main'), '.java'), {
    type: (name) => new RegExp(`^public (?:class|enum) ${name} `, 'm'),
    operation: (name) => new RegExp(`^ {2}public \\w+ ${name}\\(`, 'm'),
  });
  copyFileSync(path.join(import.meta.dirname, 'Journey.java'), path.join(folder, 'Journey.java'));
  const classpath = 'gatehouse-java/target/classes:$(cat classpath.txt)';
  await exec(
    'compile',
    'mvn -q -B -f gatehouse-java compile org.apache.maven.plugins:maven-dependency-plugin:3.9.0:build-classpath -Dmdep.outputFile="$PWD/classpath.txt"',
  );
  await exec('compile', `javac -Xlint:all -Werror -d classes -cp "${classpath}" Journey.java`);
  await exec('journey', `java -cp "classes:${classpath}" Journey`, { env: { GATEHOUSE_ORIGIN: origin } });
}
