import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import {
  emptyFolder,
  freePort,
  type Gatehouse,
  post,
  production,
  ready,
  run,
} from '../support/gatehouse-process.ts';
import { scrape, scrapeUntil } from '../support/metrics.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.ts';
import { bearer, newPerson } from '../support/people.ts';
import { fetchChecked } from '../support/watch.ts';

interface Traced {
  gatehouse: Gatehouse;
  origin: string;
  port: number;
  collector: OtlpReceiver;
  database: TestDatabase;
}

async function startTraced(t: Test, more: Record<string, string> = {}): Promise<Traced> {
  const collector = await startOtlpReceiver(t);
  const database = await createDatabase(t);
  const port = await freePort();
  const gatehouse = run(t, 'server.js', {
    env: production(database.url, port, {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: '50',
      LOG_LEVEL: 'debug',
      ...more,
    }),
  });
  return { gatehouse, port, collector, database, origin: await ready(gatehouse, port) };
}

const newTrace = () => ({ traceId: randomBytes(16).toString('hex'), spanId: randomBytes(8).toString('hex') });
const traceparent = ({ traceId, spanId }: ReturnType<typeof newTrace>, flags = '01') => ({
  traceparent: `00-${traceId}-${spanId}-${flags}`,
});

async function send(url: string, body: object, headers: Record<string, string>): Promise<Response> {
  const sent = { method: 'POST', headers: { 'content-type': 'application/json', ...headers } };
  return fetchChecked(url, { ...sent, body: JSON.stringify(body) });
}

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
  const answer = await send(`${origin}/api/v1/auth/login`, { email, password }, traceparent(caller));
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
  const refused = await send(`${origin}/api/v1/auth/login`, { email: 'm4rk-in-json' }, {});
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

t.test('a caller decides whether it is traced, and absurd contexts are none', async (t) => {
  const { origin, port, collector, gatehouse } = await startTraced(t);
  const ask = (headers: Record<string, string>) =>
    fetchChecked(`${origin}/.well-known/jwks.json`, { headers });
  const unsampled = newTrace();
  await ask(traceparent(unsampled, '00'));
  const sampled = newTrace();
  await ask(traceparent(sampled));
  const absurd = [
    '',
    'x'.repeat(8000),
    '00-00000000000000000000000000000000-0000000000000000-01',
    `ff-${sampled.traceId}-${sampled.spanId}-01`,
    `00-${sampled.traceId.toUpperCase().replace(/\d/g, 'A')}-${sampled.spanId}-01`,
    `00-${sampled.traceId}-${sampled.spanId}-01-more`,
    `00-${sampled.traceId}-${sampled.spanId}-01, 00-${sampled.traceId}-${sampled.spanId}-01`,
    '{"$ne": null}',
  ];
  for (const given of absurd)
    t.equal((await ask({ traceparent: given, tracestate: '=,=;\u00ff'.repeat(99) })).status, 200);
  // Pipelined on one connection, where one request begins as the answer before it ends
  const first = newTrace();
  const second = newTrace();
  const socket = connect(port, '127.0.0.1');
  const get = (trace: typeof first, last: boolean) =>
    `GET /.well-known/jwks.json HTTP/1.1\r\nHost: gatehouse\r\ntraceparent: ${traceparent(trace).traceparent}\r\n${last ? 'Connection: close\r\n' : ''}\r\n`;
  socket.write(get(first, false) + get(second, true));
  socket.resume();
  await once(socket, 'close');

  const spans = await collector.received('GET /.well-known/jwks.json', absurd.length + 3);
  t.strictSame(
    spans
      .filter(({ parentSpanId }) => parentSpanId !== '')
      .map(({ traceId, parentSpanId }) => [traceId, parentSpanId]),
    [sampled, first, second].map(({ traceId, spanId }) => [traceId, spanId]),
  );
  t.equal(new Set(spans.map(({ traceId }) => traceId)).size, absurd.length + 3);
  await sleep(300);
  t.notOk(collector.spans.some(({ traceId }) => traceId === unsampled.traceId));
  gatehouse.child.kill('SIGTERM');
  await gatehouse.ended;
  t.ok(
    gatehouse.logLines().some(({ trace_id }) => trace_id === unsampled.traceId),
    'its log line has the id all the same',
  );
});

t.test('the sampler of the environment is honoured', async (t) => {
  const { origin, collector, gatehouse } = await startTraced(t, { OTEL_TRACES_SAMPLER: 'always_off' });
  t.equal((await post(origin, '/api/v1/register-user', newPerson())).status, 201);
  await fetchChecked(`${origin}/.well-known/jwks.json`, { headers: traceparent(newTrace()) });
  gatehouse.child.kill('SIGTERM');
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  t.strictSame(collector.spans, []);
});

const complaints = (gatehouse: Gatehouse) =>
  gatehouse.logLines().filter(({ msg }) => String(msg).startsWith('spans do not reach'));

t.test('what a collector can do wrong is said once, and holds nobody up', async (t) => {
  const silent = {
    OTEL_EXPORTER_OTLP_TIMEOUT: '300',
    OTEL_BSP_MAX_QUEUE_SIZE: '64',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '16',
  };
  const unreachable = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}` };
  const cases: [string, Record<string, string>, { status: number; afterMs: number }, RegExp][] = [
    ['it is not there', unreachable, { status: 200, afterMs: 0 }, /ECONNREFUSED/],
    [
      'it has no name',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://there-is-none.invalid:4318' },
      { status: 200, afterMs: 0 },
      /ENOTFOUND|EAI_AGAIN/,
    ],
    ['it refuses', {}, { status: 401, afterMs: 0 }, /401/],
    ['it is overloaded', {}, { status: 503, afterMs: 0 }, /^503: /],
    ['it never answers', {}, { status: 200, afterMs: 60_000 }, /timed out/i],
  ];
  for (const [name, env, answer, reason] of cases) {
    await t.test(name, async (t) => {
      const { origin, collector, gatehouse } = await startTraced(t, { ...silent, ...env });
      Object.assign(collector.answer, answer);
      for (let round = 0; round < 12; round++) {
        const slowest = performance.now();
        await Promise.all(Array.from({ length: 10 }, () => fetchChecked(`${origin}/.well-known/jwks.json`)));
        t.ok(performance.now() - slowest < 2000);
        if (round % 4 === 0) await sleep(200);
      }
      while (complaints(gatehouse).length === 0) await sleep(50);
      const began = performance.now();
      gatehouse.child.kill('SIGTERM');
      t.strictSame(await gatehouse.ended, { code: 0, signal: null });
      t.ok(performance.now() - began < 4000);
      t.equal(complaints(gatehouse).length, 1);
      t.match(String(complaints(gatehouse)[0]?.['reason']), reason);
      t.equal(gatehouse.stderr(), '');
    });
  }
});

t.test('a collector that comes back gets spans again, and that is said', async (t) => {
  const { origin, collector, gatehouse } = await startTraced(t);
  collector.answer.status = 400;
  await fetchChecked(`${origin}/openapi.json`);
  while (complaints(gatehouse).length === 0) await sleep(50);
  collector.answer.status = 200;
  await fetchChecked(`${origin}/.well-known/jwks.json`);
  await collector.received('GET /.well-known/jwks.json');
  gatehouse.child.kill('SIGTERM');
  await gatehouse.ended;
  t.match(
    gatehouse.logLines().find(({ msg }) => msg === 'spans reach the collector again'),
    { lost: 1 },
  );
});

t.test('what is lost is counted, whether it was refused or did not fit', async (t) => {
  const metricsPort = await freePort();
  const { origin, collector, gatehouse } = await startTraced(t, {
    METRICS_PORT: String(metricsPort),
    OTEL_BSP_MAX_QUEUE_SIZE: '32',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '8',
  });
  const name = 'gatehouse_spans_lost_total';
  t.equal((await scrape(metricsPort)).series.get(name), 0);
  Object.assign(collector.answer, { status: 400, afterMs: 100 });
  let asked = 0;
  const ask = () => {
    asked += 1;
    return fetchChecked(`${origin}/.well-known/jwks.json`);
  };
  for (let round = 0; round < 10; round++) await Promise.all(Array.from({ length: 20 }, ask));
  Object.assign(collector.answer, { status: 200, afterMs: 0 });
  const arrived = () => gatehouse.logLines().find(({ msg }) => msg === 'spans reach the collector again');
  while (arrived() === undefined) {
    await ask();
    await sleep(50);
  }
  const { series } = await scrapeUntil(
    metricsPort,
    ({ series }) => Number(series.get(name)) + collector.spans.length === asked,
  );
  t.ok(Number(series.get(name)) > 100, `${series.get(name)} lost`);
  // A batch that was on its way at that moment may have been refused later
  const [told, inAll] = [Number(arrived()?.['lost']), Number(series.get(name))];
  t.ok(told > 100 && told <= inAll, `${told} told of ${inAll}`);
  t.equal(complaints(gatehouse).length, 1);
});

t.test('a collector that comes and goes is told of once a minute', async (t) => {
  const { origin, collector, gatehouse } = await startTraced(t);
  for (let round = 0; round < 10; round++) {
    collector.answer.status = round % 2 === 0 ? 400 : 200;
    const before = collector.bodies.length;
    await fetchChecked(`${origin}/.well-known/jwks.json`);
    while (collector.bodies.length === before) await sleep(20);
    await sleep(50);
  }
  gatehouse.child.kill('SIGTERM');
  await gatehouse.ended;
  t.equal(complaints(gatehouse).length, 1);
  t.strictSame(
    gatehouse
      .logLines()
      .filter(({ msg }) => msg === 'spans reach the collector again')
      .map(({ lost }) => lost),
    [1],
  );
});

t.test('what OpenTelemetry cannot make sense of is said once, and spans are sent', async (t) => {
  const { origin, collector, gatehouse } = await startTraced(t, {
    OTEL_BSP_SCHEDULE_DELAY: 'soon',
    OTEL_BSP_MAX_QUEUE_SIZE: '-5',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '0',
    OTEL_EXPORTER_OTLP_COMPRESSION: 'brotli',
    OTEL_EXPORTER_OTLP_CERTIFICATE: 'there-is-none.pem',
  });
  await fetchChecked(`${origin}/.well-known/jwks.json`);
  gatehouse.child.kill('SIGTERM');
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  const warnings = gatehouse
    .logLines()
    .filter(({ msg }) => msg === 'OpenTelemetry warns')
    .map(({ level, warning }) => [level, warning]);
  for (const part of [
    /'soon'.*SCHEDULE_DELAY/,
    /MAX_QUEUE_SIZE.*2048/,
    /BATCH_SIZE.*512/,
    /brotli/,
    /certificate/i,
  ])
    t.equal(
      warnings.filter(([level, text]) => level === 40 && part.test(String(text))).length,
      1,
      part.source,
    );
  t.equal(warnings.length, 5, JSON.stringify(warnings));
  t.equal((await collector.received('GET /.well-known/jwks.json')).length, 1);
});

t.test('without a collector nothing of its SDK is loaded', async (t) => {
  for (const [name, env, expected] of [
    ['not set', {}, false],
    [
      'turned off',
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318', OTEL_SDK_DISABLED: 'true' },
      false,
    ],
    ['set', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }, true],
  ] as const) {
    await t.test(name, async (t) => {
      const { url } = await createDatabase(t);
      const port = await freePort();
      const folder = emptyFolder(t);
      const list = join(folder, 'loaded.txt');
      const register = join(folder, 'register.cjs');
      // All modules that are not ESM themselves pass through here, whoever asks for them
      writeFileSync(
        register,
        `const { Module } = require('node:module');
         process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(list)}, Object.keys(Module._cache).join('\\n')));`,
      );
      const gatehouse = run(t, 'server.js', {
        env: production(url, port, env),
        nodeOptions: ['--require', register],
      });
      const origin = await ready(gatehouse, port);
      t.equal((await post(origin, '/api/v1/register-user', newPerson())).status, 201);
      gatehouse.child.kill('SIGTERM');
      t.strictSame(await gatehouse.ended, { code: 0, signal: null });
      // The API alone, which does nothing by itself, is loaded by prom-client
      const loaded = readFileSync(list, 'utf8')
        .split('\n')
        .filter((path) => /@opentelemetry|@fastify.otel/.test(path));
      const sdk = loaded.filter((path) => !/@opentelemetry.api.build/.test(path));
      t.match(readFileSync(list, 'utf8'), /node_modules.fastify.fastify\.js/, 'the list is one');
      t.equal(sdk.length > 0, expected, sdk.join('\n'));
    });
  }
});

t.test('.env may name the collector', async (t) => {
  const collector = await startOtlpReceiver(t);
  const { url } = await createDatabase(t);
  const port = await freePort();
  const cwd = emptyFolder(t);
  writeFileSync(
    join(cwd, '.env'),
    `OTEL_EXPORTER_OTLP_ENDPOINT=${collector.endpoint}\nOTEL_SERVICE_NAME=from-a-file\n`,
  );
  const gatehouse = run(t, 'server.js', { env: production(url, port), cwd });
  const origin = await ready(gatehouse, port);
  await fetchChecked(`${origin}/.well-known/jwks.json`);
  gatehouse.child.kill('SIGTERM');
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  const [span] = await collector.received('GET /.well-known/jwks.json');
  t.equal(span?.resource['service.name'], 'from-a-file', 'what had not been sent was sent at the exit');
});
