import t from 'tap';
import { parse, stringify } from 'yaml';
import { type CatalogueEntry, errorCatalogue } from '../../src/errors.ts';
import { startApp } from '../support/app.ts';
import { committed, type Document, documentText, examplesOf, operationsOf } from '../support/document.ts';
import { schemaValidator } from '../support/schema-validator.ts';

const catalogue: Record<string, CatalogueEntry> = errorCatalogue;

t.test('openapi.json is what the service serves by default', async (t) => {
  const { app } = await startApp(t);
  const { body } = await app.inject('/openapi.json');
  t.equal(documentText, `${JSON.stringify(JSON.parse(body), null, 2)}\n`, 'npm run openapi writes it');

  const yaml = await app.inject('/openapi.yaml');
  t.equal(yaml.headers['content-type'], 'application/yaml; charset=utf-8');
  t.notMatch(yaml.body, /^\s*[\w-]+: [&*]/m, 'no anchors, which not every reader knows');
  t.strictSame(parse(yaml.body), committed);
  t.equal(yaml.body, stringify(JSON.parse(body), { lineWidth: 0, aliasDuplicateObjects: false }));
  t.equal((await app.inject('/openapi.yaml')).body, yaml.body, 'the same the next time');
});

t.test('while the first YAML is made, others are answered', async (t) => {
  const { app } = await startApp(t);
  // Both made before, so that only the YAML is left to make
  await app.inject('/openapi.json');
  await app.inject('/livez');
  const yaml = app.inject('/openapi.yaml').then(() => 'YAML');
  const probes = Promise.all(Array.from({ length: 10 }, () => app.inject('/livez'))).then(() => 'probes');
  t.equal(await Promise.race([yaml, probes]), 'probes');
  await yaml;
});

/** Every object and array within a value, and where it is. */
function* nodes(value: unknown, where = '#'): Generator<{ where: string; node: Record<string, unknown> }> {
  if (typeof value !== 'object' || value === null) return;
  yield { where, node: value as Record<string, unknown> };
  for (const [name, each] of Object.entries(value)) yield* nodes(each, `${where}/${name}`);
}

// Examples are values, not schemas
const isExample = (where: string) => /\/examples?(\/|$)/.test(where);
const schemaNodes = [...nodes(committed)].filter(({ where }) => !isExample(where));

t.test('the rules that generators need', async (t) => {
  for (const name of Object.keys(committed.components.schemas)) t.match(name, /^[A-Z][A-Za-z]+$/);
  for (const { where, node } of schemaNodes) {
    if ('$ref' in node) {
      const [, ...names] = String(node['$ref']).split('/');
      const target = names.reduce<unknown>((at, name) => Object(at)[name], committed);
      t.type(target, 'object', `${where}: ${node['$ref']} is there`);
      t.strictSame(Object.keys(node), ['$ref'], `${where}: nothing beside a $ref, where it is ignored`);
    }
    if (node['type'] === 'integer') {
      t.match(node['format'], /^int(32|64)$/, `${where} has a format`);
      const largest = node['format'] === 'int32' ? 2 ** 31 - 1 : Number.MAX_SAFE_INTEGER;
      t.ok(Number(node['maximum']) <= largest, `${where} has a maximum`);
      t.type(node['minimum'], 'number', `${where} has a minimum`);
    }
    for (const word of ['anyOf', 'oneOf', 'allOf', 'not', 'const', 'prefixItems', 'patternProperties'])
      t.notOk(word in node, `${where} has no ${word}`);
    t.notOk(Array.isArray(node['items']), `${where} is no tuple`);
    t.notOk(Array.isArray(node['type']), `${where} has one type`);
    t.not(node['type'], 'null', where);
    t.notOk('$id' in node, where);
    t.not(typeof node['exclusiveMinimum'], 'number', where);
  }
});

t.test('every object in a response is closed', async (t) => {
  const forms = ['IntrospectionRequest', 'RevocationRequest'];
  for (const [name, schema] of Object.entries(committed.components.schemas)) {
    if (schema.type === 'object')
      t.equal(schema.additionalProperties, forms.includes(name) ? undefined : false, name);
  }
});

t.test('operationIds are verbs, and are never renamed', async (t) => {
  t.strictSame(
    Object.fromEntries(operationsOf(committed).map(({ operationId, name }) => [operationId, name])),
    {
      createUser: 'post /auth/user/create',
      endSession: 'delete /api/v1/me/sessions/{session_id}',
      getJwks: 'get /.well-known/jwks.json',
      getLiveness: 'get /livez',
      getMe: 'get /api/v1/me',
      getReadiness: 'get /readyz',
      getServerMetadata: 'get /.well-known/oauth-authorization-server',
      getStartup: 'get /startupz',
      getUser: 'get /auth/user/{user_id}',
      introspectToken: 'post /oauth/introspect',
      listSessions: 'get /api/v1/me/sessions',
      login: 'post /api/v1/auth/login',
      logout: 'post /api/v1/auth/logout',
      logoutAll: 'post /api/v1/auth/logout-all',
      logoutOthers: 'post /api/v1/auth/logout-others',
      refreshToken: 'post /api/v1/auth/refresh-token',
      registerUser: 'post /api/v1/register-user',
      revokeToken: 'post /oauth/revoke',
      verifyUser: 'post /auth/user/verify',
    },
  );
  const ids = operationsOf(committed).map(({ operationId }) => operationId);
  t.equal(new Set(ids).size, ids.length, 'none twice');
});

t.test('nothing is there that is no operation', async (t) => {
  for (const { method, path } of operationsOf(committed)) {
    t.match(method, /^(get|post|delete)$/);
    t.notMatch(path, /docs|openapi|\*/);
  }
});

t.test('each response says what its codes mean, and shows each', async (t) => {
  for (const { name, description, responses } of operationsOf(committed)) {
    t.match(description, /may call this/, `${name} says who may call it`);
    for (const [status, { description, headers, content = {} }] of Object.entries(responses)) {
      const where = `${name} ${status}`;
      for (const [header, { required, description }] of Object.entries(headers)) {
        const isOfLimit = header.startsWith('ratelimit-') && status !== '429';
        t.equal(
          required,
          !isOfLimit,
          `${where} is always sent with ${header}, what is left of a limit aside`,
        );
        t.match(description, /\w/);
      }
      for (const { schema, example, examples = {} } of Object.values(content)) {
        if (status < '400') {
          t.ok(example, `${where} has an example`);
          continue;
        }
        const codes = [...description.matchAll(/^`([A-Z_]+)`: \S.+\.$/gm)].map(([, code]) => String(code));
        for (const code of codes) t.equal(String(catalogue[code]?.status), status, `${where} ${code}`);
        const shown = Object.values(examples).map(({ value }) => Object(value).error_code);
        t.strictSame([...new Set(shown)], codes, `${where} shows ${codes}`);
        if (schema.$ref.endsWith('/ErrorResponse')) t.strictSame(Object.keys(examples), codes);
      }
    }
  }
});

function invalidExamples(document: Document): string[] {
  const validator = schemaValidator(document);
  return examplesOf(document).flatMap(({ where, name, $ref, value }) =>
    validator({ $ref })(value).map((problem) => `${where} ${name}: ${problem}`),
  );
}

t.test('every example is what its schema says', async (t) => {
  const examples = examplesOf(committed);
  const bodies = operationsOf(committed).flatMap(({ requestBody, responses }) => [
    requestBody,
    ...Object.values(responses),
  ]);
  t.ok(examples.length >= bodies.filter((body) => body?.content).length, 'every body has one');
  t.strictSame(invalidExamples(committed), []);

  const { app } = await startApp(t, { env: { PASSWORD_MIN_LENGTH: '60' } });
  t.strictSame(
    invalidExamples((await app.inject('/openapi.json')).json()),
    [],
    'whatever the password policy',
  );

  const broken = structuredClone(committed);
  delete broken.components.schemas['User']?.properties['about'];
  t.match(
    invalidExamples(broken),
    [/^post \/auth\/user\/create 201 .*additional/],
    'and this test would tell',
  );
});

t.test('the examples of errors are what the catalogue says', async (t) => {
  for (const { where, value } of examplesOf(committed)) {
    const { error_code: code, detail, error, errors } = Object(value) as Record<string, unknown>;
    if (code === undefined) continue;
    t.match(
      { detail, error },
      { detail: catalogue[String(code)]?.detail, error: catalogue[String(code)]?.oauth },
      where,
    );
    t.equal(Array.isArray(errors) && errors.length > 0, code === 'VALIDATION_ERROR', where);
  }
});
