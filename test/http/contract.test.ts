import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import t, { type Test } from 'tap';
import { exchange, listen } from '../support/raw-client.ts';
import { fetchChecked, watch } from '../support/watch.ts';

const id = { 'x-request-id': 'one', 'cache-control': 'no-store' };
const user = {
  ...{ user_id: 1, name: '', email: 'a@example.com', location: '', about: null },
  ...{ created_at: '2026-01-01T00:00:00.000Z', updated_at: '2026-01-01T00:00:00.000Z' },
};
const busy = { detail: 'x', error_code: 'DATABASE_UNAVAILABLE' };
const json = 'application/json; charset=utf-8';

type Fault = [what: string, problem: RegExp, send: (reply: FastifyReply) => FastifyReply];

/** What GET /api/v1/me might answer by mistake. */
const faults: Fault[] = [
  ['a status', /418 is not declared/, (reply) => reply.code(418).headers(id).send(busy)],
  ['a success status', /201 is not declared/, (reply) => reply.code(201).headers(id).send(user)],
  ['a field', /additional.*"password"/, (reply) => reply.headers(id).send({ ...user, password: 'x' })],
  ['no field', /required.*"about"/, (reply) => reply.headers(id).send({ ...user, about: undefined })],
  ['another type', /user_id must be integer/, (reply) => reply.headers(id).send({ ...user, user_id: '1' })],
  ['null', /name must be string/, (reply) => reply.headers(id).send({ ...user, name: null })],
  ['another format', /date-time/, (reply) => reply.headers(id).send({ ...user, created_at: 'today' })],
  ['a content type', /text\/html, which is not/, (reply) => reply.headers(id).type('text/html').send('{}')],
  ['no JSON', /not JSON/, (reply) => reply.headers(id).type(json).send('{')],
  ['a header', /x-secret: 1, which is not/, (reply) => reply.headers({ ...id, 'x-secret': '1' }).send(user)],
  [
    'a cache',
    /cache-control: public/,
    (reply) => reply.headers({ ...id, 'cache-control': 'public' }).send(user),
  ],
  [
    'an error that may be cached',
    /503 may be cached/,
    (reply) => reply.code(503).headers({ 'x-request-id': 'one', 'retry-after': '1' }).send(busy),
  ],
  [
    'no request id',
    /lacks the header x-request-id/,
    (reply) => reply.header('cache-control', 'no-store').send(user),
  ],
  ['no Retry-After', /lacks the header retry-after/, (reply) => reply.code(503).headers(id).send(busy)],
  [
    'Retry-After in words',
    /retry-after: {2}must be integer/,
    (reply) =>
      reply
        .code(503)
        .headers({ ...id, 'retry-after': 'soon' })
        .send(busy),
  ],
  [
    'an error_code of elsewhere',
    /EMAIL_ALREADY_EXISTS, which is not/,
    (reply) => reply.code(400).headers(id).send({ detail: 'x', error_code: 'EMAIL_ALREADY_EXISTS' }),
  ],
  [
    'an unknown error_code',
    /allowed values/,
    (reply) => reply.code(400).headers(id).send({ detail: 'x', error_code: 'NEW' }),
  ],
];

/** A service that answers at the path of an operation in its own way. */
function impostor(t: Test, url: string, answer: (reply: FastifyReply) => FastifyReply): FastifyInstance {
  const app = Fastify();
  app.get(url, (_request, reply) => answer(reply));
  t.teardown(() => app.close());
  return app;
}

for (const [what, problem, send] of faults) {
  t.test(`an answer with ${what} that is not declared fails the test that gets it`, async (t) => {
    const app = impostor(t, '/api/v1/me', send);
    const failures: string[] = [];
    watch({ fail: (message) => failures.push(message) }, app);
    await t.rejects(app.inject('/api/v1/me'), { message: problem }, 'injected');

    const port = await listen({ app });
    await t.rejects(exchange(port, 'GET /api/v1/me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'), {
      message: problem,
    });
    t.match(failures, [problem], 'and whoever it was sent to');
    await t.rejects(fetchChecked(`http://127.0.0.1:${port}/api/v1/me`), { message: problem });
  });
}

t.test('what is as declared passes', async (t) => {
  const app = impostor(t, '/api/v1/me', (reply) =>
    reply.headers({ ...id, 'cache-control': 'no-store' }).send(user),
  );
  watch(t, app);
  t.equal((await app.inject('/api/v1/me?x=1')).statusCode, 200);
  t.equal((await app.inject({ method: 'HEAD', url: '/api/v1/%6de' })).body, '');
});

const envelope = (error_code: string) => ({ detail: 'x', error_code });
const elsewhere: Fault[] = [
  ['a success status', /200 is a success of no operation/, (reply) => reply.headers(id).send(user)],
  [
    'a redirection',
    /302 is a success of no operation/,
    (reply) =>
      reply
        .code(302)
        .headers({ ...id, location: '/' })
        .send(),
  ],
  [
    'a cache',
    /404 may be cached/,
    (reply) => reply.code(404).header('x-request-id', 'one').send(envelope('NOT_FOUND')),
  ],
  ['no envelope', /required/, (reply) => reply.code(404).headers(id).send({ error: 'Not Found' })],
  ['no body', /content type/, (reply) => reply.code(404).headers(id).send()],
  [
    'a code of another status',
    /FORBIDDEN, which/,
    (reply) => reply.code(404).headers(id).send(envelope('FORBIDDEN')),
  ],
  [
    'no Allow',
    /lacks the header allow/,
    (reply) => reply.code(405).headers(id).send(envelope('METHOD_NOT_ALLOWED')),
  ],
  ['no request id', /lacks the header x-request-id/, (reply) => reply.code(404).send(envelope('NOT_FOUND'))],
];

for (const [what, problem, send] of elsewhere) {
  t.test(`an answer with ${what} fails where there is no operation, too`, async (t) => {
    const app = impostor(t, '/elsewhere', send);
    watch(t, app);
    await t.rejects(app.inject('/elsewhere'), { message: problem });
  });
}

t.test('an error_code that is not declared fails where the error has more fields, too', async (t) => {
  const notReady = { detail: 'x', error_code: 'NOT_READY', reason: 'starting' };
  for (const [error_code, problem] of Object.entries({
    NOT_READY: undefined,
    FORBIDDEN: /FORBIDDEN, which is not/,
  })) {
    const app = impostor(t, '/readyz', (reply) =>
      reply
        .code(503)
        .headers({ ...id, 'retry-after': '1' })
        .send({ ...notReady, error_code }),
    );
    watch(t, app);
    if (problem === undefined) t.equal((await app.inject('/readyz')).statusCode, 503);
    else await t.rejects(app.inject('/readyz'), { message: problem });
  }
});

t.test('a preflight and the docs pages are no operations, and may succeed', async (t) => {
  const app = Fastify();
  t.teardown(() => app.close());
  app.get('/docs/static/page.js', (_request, reply) => reply.send('x'));
  app.get('/documents', (_request, reply) => reply.send('x'));
  app.post('/docs', (_request, reply) => reply.send('x'));
  app.options('/here', (_request, reply) =>
    reply.code(204).header('access-control-allow-methods', 'GET').send(),
  );
  app.options('/there', (_request, reply) => reply.code(204).send());
  watch(t, app);
  t.equal((await app.inject('/docs/static/page.js?x=1')).statusCode, 200);
  t.equal((await app.inject({ method: 'OPTIONS', url: '/here' })).statusCode, 204);
  const problem = { message: /success of no operation/ };
  await t.rejects(app.inject('/documents'), problem);
  await t.rejects(app.inject({ method: 'POST', url: '/docs' }), problem);
  await t.rejects(app.inject({ method: 'OPTIONS', url: '/there' }), problem);
});
