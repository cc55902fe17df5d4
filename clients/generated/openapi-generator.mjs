import { java, maven } from './needs.mjs';

/** Of the jar on Maven Central. */
export const version = '7.25.0';

/** Of the lines below. */
export const needs = [maven, java];

/**
 * The line that makes a client with openapi-generator. Maven fetches the jar, as it knows the user's mirrors, checks what
 * it gets, and keeps it.
 *
 * @param {string} options which generator, where to, and how
 */
export const lineFor = (options) =>
  `mvn -q org.apache.maven.plugins:maven-dependency-plugin:3.9.0:copy -Dartifact=org.openapitools:openapi-generator-cli:${version} -DoutputDirectory=. && ` +
  `java -jar openapi-generator-cli-${version}.jar generate -i http://127.0.0.1:8000/openapi.json ${options}`;
