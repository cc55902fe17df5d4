import t from 'tap';
import { errorCodes } from '../../src/errors.ts';
import { startApp } from '../support/app.ts';
import { type Document, operationsOf } from '../support/document.ts';

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

t.test('the OpenAPI document', async (t) => {
  const { app } = await startApp(t, { env: { PASSWORD_MIN_LENGTH: '11' } });
  const response = await app.inject({ url: '/openapi.json' });
  const document: Document = response.json();
  const { schemas } = document.components;
  const operations = operationsOf(document);

  t.test('is JSON of OpenAPI 3.0.3 that names no host', async (t) => {
    t.match(response.headers['content-type'], /^application\/json/);
    t.equal(document.openapi, '3.0.3');
    t.strictSame(
      document.servers.map(({ url }) => url),
      ['/'],
    );
    t.strictSame(document.components.securitySchemes, {
      accessToken: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description: 'The access token of a login or refresh',
      },
      client: {
        type: 'http',
        scheme: 'basic',
        description: 'The id and secret of a client, each form-urlencoded first (RFC 6749 §2.3.1)',
      },
    });
  });

  t.test('lists the operations and nothing else', async (t) => {
    t.strictSame(operations.map(({ name }) => name).sort(), [
      'delete /api/v1/me/sessions/{session_id}',
      'get /.well-known/jwks.json',
      'get /.well-known/oauth-authorization-server',
      'get /api/v1/me',
      'get /api/v1/me/sessions',
      'get /auth/user/{user_id}',
      'get /livez',
      'get /readyz',
      'get /startupz',
      'post /api/v1/auth/login',
      'post /api/v1/auth/logout',
      'post /api/v1/auth/logout-all',
      'post /api/v1/auth/logout-others',
      'post /api/v1/auth/refresh-token',
      'post /api/v1/register-user',
      'post /auth/user/create',
      'post /auth/user/verify',
      'post /oauth/introspect',
      'post /oauth/revoke',
    ]);
  });

  t.test('names every component', async (t) => {
    t.strictSame(Object.keys(schemas).sort(), [
      'CreateUserRequest',
      'Credentials',
      'ErrorCode',
      'ErrorResponse',
      'FieldError',
      'HealthStatus',
      'IntrospectionRequest',
      'IntrospectionResponse',
      'Jwk',
      'JwkSet',
      'LogoutRequest',
      'NotReady',
      'RefreshRequest',
      'RegisterUserRequest',
      'RevocationRequest',
      'ServerMetadata',
      'Session',
      'SessionList',
      'TokenPair',
      'User',
    ]);
  });

  const withoutBody = [
    'delete /api/v1/me/sessions/{session_id}',
    'post /api/v1/auth/logout-all',
    'post /api/v1/auth/logout-others',
  ];
  const withoutContent = (name: string, status: string) =>
    status === '204' || status === '304' || (name === 'post /oauth/revoke' && status === '200');
  for (const { name, ...operation } of operations) {
    t.test(`${name} is complete`, async (t) => {
      t.match(operation, { operationId: /^[a-z]\w+$/, summary: /\w/, description: /\.$/ });
      const known = document.tags.map((tag) => tag.name);
      t.equal(operation.tags.length, 1);
      for (const tag of operation.tags) t.ok(known.includes(tag));
      const isForm = name.startsWith('post /oauth/');
      if (withoutBody.includes(name)) t.equal(operation.requestBody, undefined);
      else if (name.startsWith('post')) {
        t.equal(operation.requestBody?.required, name !== 'post /api/v1/auth/logout');
        const [[type, body] = [], ...others] = Object.entries(operation.requestBody?.content ?? {});
        t.strictSame(others, []);
        t.equal(type, isForm ? 'application/x-www-form-urlencoded' : 'application/json');
        t.match(body?.schema.$ref, /\/(\w+Request|Credentials)$/);
      }
      const statuses = Object.keys(operation.responses);
      const always = ['400', '408', '417', '431', '500'];
      const bodies = /^(post|delete)/.test(name) ? ['413', '415', '503', isForm ? '401' : '422'] : [];
      for (const status of [...always, ...bodies]) t.ok(statuses.includes(status), status);
      if (isForm) t.notOk(statuses.includes('422'));
      for (const [status, { description, headers, content }] of Object.entries(operation.responses)) {
        t.match(description, /\w/);
        t.ok(headers['x-request-id'], `${status} declares x-request-id`);
        t.equal(Boolean(headers['retry-after']), status === '429' || status === '503');
        t.equal(Boolean(headers['www-authenticate']), status === '401');
        if (withoutContent(name, status)) {
          t.equal(content, undefined);
          continue;
        }
        t.strictSame(Object.keys(content ?? {}), ['application/json']);
        const success = status.startsWith('2');
        const component = /z$/.test(name) && status === '503' ? 'NotReady' : 'ErrorResponse';
        const { schema } = content?.['application/json'] ?? {};
        if (success) t.match(schema?.$ref, /\/[A-Z]\w+$/);
        else t.strictSame(schema, ref(component));
      }
    });
  }

  t.test('ErrorCode is the catalogue', async (t) => {
    t.strictSame(schemas['ErrorCode']?.enum, errorCodes);
  });

  t.test('what may be null or left out says so', async (t) => {
    const { User, Session, CreateUserRequest, RegisterUserRequest, LogoutRequest } = schemas;
    for (const name of ['ip', 'user_agent'])
      t.match(Session?.properties[name], { type: 'string', nullable: true });
    t.equal(Session?.required?.length, 7);
    t.equal(LogoutRequest?.required, undefined);
    t.equal(LogoutRequest?.additionalProperties, false);
    t.match(User?.properties['about'], { type: 'string', nullable: true });
    t.equal(User?.required?.length, 7);
    t.strictSame(CreateUserRequest?.required, ['email', 'password']);
    t.strictSame(RegisterUserRequest?.required, ['name', 'email', 'location', 'password']);
    for (const schema of [CreateUserRequest, RegisterUserRequest]) {
      t.match(schema?.properties['about'], { type: 'string', nullable: true });
      t.equal(schema?.properties['password']?.['minLength'], 11, 'as configured');
      t.equal(schema?.additionalProperties, false);
    }
  });

  t.test('forms may hold parameters that nobody knows (RFC 6749 §3.2)', async (t) => {
    for (const name of ['IntrospectionRequest', 'RevocationRequest']) {
      t.strictSame(schemas[name]?.required, ['token']);
      t.equal(schemas[name]?.additionalProperties, undefined);
    }
    t.strictSame(schemas['IntrospectionResponse']?.required, ['active']);
    t.strictSame(schemas['ErrorResponse']?.properties['error']?.['enum'], [
      'invalid_client',
      'invalid_request',
    ]);
    t.strictSame(schemas['ErrorResponse']?.required, ['detail', 'error_code']);
  });

  t.test('only what needs a token or a client asks for one', async (t) => {
    const secured = operations.filter(({ security }) => security.length > 0);
    t.strictSame(Object.fromEntries(secured.map(({ name, security }) => [name, security])), {
      'delete /api/v1/me/sessions/{session_id}': [{ accessToken: [] }],
      'get /api/v1/me': [{ accessToken: [] }],
      'get /api/v1/me/sessions': [{ accessToken: [] }],
      'get /auth/user/{user_id}': [{ accessToken: [] }],
      'post /api/v1/auth/logout': [{ accessToken: [] }, {}],
      'post /api/v1/auth/logout-all': [{ accessToken: [] }],
      'post /api/v1/auth/logout-others': [{ accessToken: [] }],
      'post /oauth/introspect': [{ client: [] }, {}],
      'post /oauth/revoke': [{ client: [] }, {}],
    });
  });
});
