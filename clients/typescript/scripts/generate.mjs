// Writes what the client takes from the OpenAPI document: src/schema.ts, all its types, and src/operations.ts, the two
// things that are asked for at run time.
import { readFileSync, writeFileSync } from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';

const source = new URL('../../../openapi.json', import.meta.url);
const document = JSON.parse(readFileSync(source, 'utf8'));
const at = (name) => new URL(`../src/${name}`, import.meta.url);
const note = '// Generated from openapi.json by `npm run generate`\n';

const types = await openapiTS(source, {
  rootTypes: true,
  rootTypesNoSchemaPrefix: true,
  // A field of a request that has a default may be left out
  defaultNonNullable: false,
});
writeFileSync(at('schema.ts'), `${note}${astToString(types)}`);

const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, operation })),
);
const takeToken = operations.filter(({ operation: { security = [] } }) =>
  security.some((requirement) => 'accessToken' in requirement),
);
const list = (name, description, values) =>
  `\n/** ${description} */\nexport const ${name} = [\n${values.map((value) => `  '${value}',\n`).join('')}] as const;\n`;
writeFileSync(
  at('operations.ts'),
  note +
    list('errorCodes', 'Every error code of the document.', document.components.schemas.ErrorCode.enum) +
    list(
      'operationsWithAccessToken',
      'The operations that take an access token, some of them other things as well, by method and path template.',
      takeToken.map(({ name }) => name),
    ),
);
