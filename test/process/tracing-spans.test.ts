import t from 'tap';
import { post } from '../support/gatehouse-process.ts';
import type { ReceivedSpan } from '../support/otlp-receiver.ts';
import { bearer, newPerson } from '../support/people.ts';
import { newTrace, postTraced, startTraced, traceparent } from '../support/traced.ts';
import { fetchChecked } from '../support/watch.ts';

t.test('a login is a span of its caller, and its statements and its hash are spans of it', async (t) => {
  const { origin, collector, gatehouse, database } = await startTraced(t, {
    OTEL_EXPORTER_OTLP_HEADERS: 'x-collector-key=a%20key',
    OTEL_SERVICE_NAME: 'doors',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
  });
  const person = newPerson();
  t.equal((await post(origin, '/api/v1/register-user', person)).status, 201);
  const caller = newTrace();
  const { email, password } = person;
  const answer = await postTraced(`${origin}/api/v1/auth/login`, { email, password }, traceparent(caller));
  t.equal(answer.status, 200);

  const [request] = (await collector.received('POST /api/v1/auth/login')) as [ReceivedSpan];
  t.match(request, {
    traceId: caller.traceId,
    parentSpanId: caller.spanId,
    kind: 2,
    status: 0,
    resource: {
      'service.name': 'doors',
      'service.version': '0.1.0',
      'deployment.environment.name': 'test',
    },
  });
  t.strictSame(request.attributes, {
    'http.request.method': 'POST',
    'http.route': '/api/v1/auth/login',
    'http.response.status_code': 200,
  });
  const children = collector.spans
    .filter(({ parentSpanId }) => parentSpanId === request.spanId)
    .sort((a, b) => Number(a.start - b.start));
  t.strictSame(
    children.map(({ name, kind }) => [name, kind]),
    [
      ['select_credentials', 3],
      ['wait to verify password', 1],
      ['verify password', 1],
      ['insert_session', 3],
    ],
  );
  for (const child of children) {
    t.equal(child.traceId, caller.traceId);
    t.ok(child.start >= request.start && child.end <= request.end, `${child.name} lies within the request`);
  }
  const { hostname, port, pathname } = new URL(database.url);
  t.strictSame(children[0]?.attributes, {
    'db.system.name': 'postgresql',
    'db.namespace': pathname.slice(1),
    'server.address': hostname,
    'server.port': Number(port),
    'db.query.summary': 'select_credentials',
  });
  t.equal(collector.headers[0]?.['x-collector-key'], 'a key');
  t.equal(collector.headers[0]?.['content-type'], 'application/x-protobuf');

  gatehouse.child.kill('SIGTERM');
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  const line = gatehouse
    .logLines()
    .find(({ route, status }) => route === '/api/v1/auth/login' && status === 200);
  t.match(line, { trace_id: caller.traceId, span_id: request.spanId });
  const registration = gatehouse.logLines().find(({ route }) => route === '/api/v1/register-user');
  const [registered] = await collector.received('POST /api/v1/register-user');
  t.match(registration, { trace_id: registered?.traceId, span_id: registered?.spanId });
  t.equal(registered?.parentSpanId, '', 'without a traceparent it is the first of its trace');
  const told = (name: string) => gatehouse.logLines().find(({ event }) => event === name);
  t.match(told('authn_login_success'), {
    trace_id: caller.traceId,
    span_id: request.spanId,
    reqId: line?.['reqId'],
  });
  t.match(told('user_created'), { trace_id: registered?.traceId, span_id: registered?.spanId });
  t.notOk(gatehouse.stdout().includes('a%20key'));
});

t.test('no span tells what a client has sent, nor what a person is called', async (t) => {
  const { origin, collector } = await startTraced(t);
  const person = newPerson();
  await post(origin, '/api/v1/register-user', person);
  const { body: tokens } = await post(origin, '/api/v1/auth/login', {
    email: person.email,
    password: person.password,
  });
  const marks = [
    'm4rk-in-path',
    'm4rk-in-query',
    'm4rk-in-json',
    'm4rk-in-header',
    'm4rk-in-bearer',
    'm4rk-in-state',
  ];
  await fetchChecked(`${origin}/m4rk-in-path`);
  const caller = newTrace();
  await fetchChecked(`${origin}/.well-known/jwks.json`, {
    headers: { ...traceparent(caller), tracestate: 'vendor=m4rk-in-state' },
  });
  const [traced] = await collector.received('GET /.well-known/jwks.json');
  t.match(traced, { traceId: caller.traceId, parentSpanId: caller.spanId });
  await fetchChecked(`${origin}/api/v1/me?x=m4rk-in-query`, {
    headers: bearer(String(tokens['access_token'])),
  });
  await fetchChecked(`${origin}/auth/user/4711`, { headers: bearer('m4rk-in-bearer') });
  await fetchChecked(`${origin}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'user-agent': 'm4rk-in-header' },
    body: '{"m4rk-in-json": nonsense',
  });
  const refused = await postTraced(`${origin}/api/v1/auth/login`, { email: 'm4rk-in-json' }, {});
  t.equal(refused.status, 422);
  await collector.received('POST /api/v1/auth/login', 3);
  await collector.received('GET /auth/user/:user_id');

  const sent = Buffer.concat(collector.bodies).toString('latin1');
  const secrets = [
    person.email,
    person.password,
    person.name,
    tokens['access_token'],
    tokens['refresh_token'],
  ];
  for (const text of [...marks, ...secrets.map(String), '4711']) t.notOk(sent.includes(text), text);
  const errors = collector.spans.filter(({ attributes }) => attributes['error_code'] !== undefined);
  t.strictSame(
    errors
      .map(({ name, status, events, attributes }) =>
        [name, attributes['error_code'], status, events].join(' '),
      )
      .sort(),
    [
      'GET /auth/user/:user_id ACCESS_TOKEN_INVALID 0 0',
      'GET NOT_FOUND 0 0',
      'POST /api/v1/auth/login MALFORMED_JSON 0 0',
      'POST /api/v1/auth/login VALIDATION_ERROR 0 0',
    ],
  );
  t.notOk(
    collector.spans.some(({ attributes }) => attributes['http.route'] === '/readyz'),
    'probes are not traced',
  );
});

t.test('a statement that fails is a failed span, and so is its request', async (t) => {
  const { origin, collector, database } = await startTraced(t);
  await database.client.query('ALTER TABLE users RENAME TO elsewhere');
  t.equal(
    (await post(origin, '/api/v1/auth/login', { email: 'a@example.com', password: 'x'.repeat(9) })).status,
    500,
  );
  await database.client.query('ALTER TABLE elsewhere RENAME TO users');
  const [request] = await collector.received('POST /api/v1/auth/login');
  t.match(request, {
    status: 2,
    attributes: { error_code: 'INTERNAL_ERROR', 'error.type': 'INTERNAL_ERROR' },
  });
  const [statement] = await collector.received('select_credentials');
  t.match(statement, {
    status: 2,
    events: 0,
    parentSpanId: request?.spanId,
    attributes: { 'error.type': '42P01', 'db.response.status_code': '42P01' },
  });
});
