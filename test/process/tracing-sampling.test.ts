import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { post } from '../support/gatehouse-process.ts';
import { bearer, newPerson } from '../support/people.ts';
import { newTrace, startTraced, traceparent } from '../support/traced.ts';
import { fetchChecked } from '../support/watch.ts';

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

// Its four words cancel each other out: OpenTelemetry's own sampler takes it at any ratio above 0
const madeUp = '7ead5eed'.repeat(4);

t.test('with traceidratio no caller has itself traced, whatever it makes up', async (t) => {
  const { origin, collector, gatehouse } = await startTraced(t, {
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.000001',
  });
  const headers = traceparent({ ...newTrace(), traceId: madeUp });
  for (let asked = 0; asked < 100; asked++)
    await fetchChecked(`${origin}/.well-known/jwks.json`, { headers });
  gatehouse.child.kill('SIGTERM');
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  t.strictSame(collector.spans, []);
});

t.test('with traceidratio a part of the requests is traced, each with all that it does', async (t) => {
  const { origin, collector, gatehouse } = await startTraced(t, {
    OTEL_TRACES_SAMPLER: 'traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0.5',
  });
  const person = newPerson();
  await post(origin, '/api/v1/register-user', person);
  const { email, password } = person;
  const { body: tokens } = await post(origin, '/api/v1/auth/login', { email, password });
  const callers = {
    none: () => ({}),
    sampled: () => traceparent(newTrace()),
    'not sampled': () => traceparent(newTrace(), '00'),
    'made up': () => traceparent({ ...newTrace(), traceId: madeUp }),
  };
  const path = '/api/v1/me';
  const isMe = ({ name }: { name: string }) => name === `GET ${path}`;
  for (const [name, headersOf] of Object.entries(callers)) {
    const before = collector.spans.filter(isMe).length;
    for (let asked = 0; asked < 80; asked++) {
      const headers = { ...bearer(String(tokens['access_token'])), ...headersOf() };
      t.equal((await fetchChecked(`${origin}${path}`, { headers })).status, 200);
    }
    await sleep(500);
    const traced = collector.spans.filter(isMe).length - before;
    // Chance leaves these bounds less than once in a billion times
    t.ok(traced > 10 && traced < 70, `${name}: ${traced} of 80`);
  }
  gatehouse.child.kill('SIGTERM');
  t.strictSame(await gatehouse.ended, { code: 0, signal: null });
  const requests = collector.spans.filter(({ kind }) => kind === 2).map(({ spanId }) => spanId);
  const statements = collector.spans.filter(({ name }) => name === 'select_user_by_session');
  t.equal(statements.length, collector.spans.filter(isMe).length, 'one each');
  for (const { kind, name, parentSpanId } of collector.spans)
    t.ok(kind === 2 || requests.includes(parentSpanId), `${name} belongs to a request`);
});
