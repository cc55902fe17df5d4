import t from 'tap';
import { startApp } from '../support/app.ts';
import { refused } from '../support/refused.ts';

const everywhere = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'SAMEORIGIN',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'strict-transport-security': /^max-age=\d{8}/,
};

t.test('security headers', async (t) => {
  const { app } = await startApp(t);
  app.get('/defect', async () => {
    throw new Error();
  });
  const responses: [method: 'GET' | 'POST', url: string, status: number][] = [
    ['GET', '/livez', 200],
    ['GET', '/api/v1/me', 401],
    ['GET', '/nope', 404],
    ['GET', '/%zz', 400],
    ['GET', '/docs/static/nope', 404],
    ['POST', '/livez', 405],
    ['POST', '/api/v1/auth/login', 422],
    ['GET', '/defect', 500],
    ['GET', '/', 302],
    ['GET', '/openapi.json', 200],
    ['GET', '/docs', 200],
    ['GET', '/redoc', 200],
  ];
  for (const [method, url, status] of responses) {
    t.test(`${method} ${url}`, async (t) => {
      const { statusCode, headers } = await app.inject({ method, url });
      t.equal(statusCode, status);
      t.match(headers, everywhere);
      t.notMatch(headers['content-security-policy'], /upgrade-insecure-requests|https?:|unsafe-eval/);
      t.notOk('x-powered-by' in headers);
      t.notOk('server' in headers);
      // The pages have a policy of their own, and their opener policy on HTTPS only: docs.test.ts
      if (/^\/(re)?doc/.test(url)) return;
      t.equal(headers['content-security-policy'], "default-src 'none';frame-ancestors 'none'");
      t.equal(headers['cross-origin-opener-policy'], 'same-origin');
    });
  }

  t.test('no header of CORS is sent unless origins are configured', async (t) => {
    const preflight = { origin: 'https://app.example', 'access-control-request-method': 'POST' };
    for (const [method, url] of [
      ['GET', '/livez'],
      ['GET', '/api/v1/me'],
      ['OPTIONS', '/api/v1/auth/login'],
      ['OPTIONS', '/nope'],
    ] as const) {
      const { headers, statusCode } = await app.inject({ method, url, headers: preflight });
      t.strictSame(
        Object.keys(headers).filter((name) => name.startsWith('access-control-')),
        [],
      );
      t.notOk('vary' in headers);
      if (method === 'OPTIONS') t.equal(statusCode, url === '/nope' ? 404 : 405);
    }
  });
});

t.test('CORS', async (t) => {
  const gatehouse = await startApp(t, {
    env: { CORS_ORIGINS: 'https://app.example, http://localhost:3000' },
  });
  const { app, get } = gatehouse;

  for (const origin of ['https://app.example', 'http://localhost:3000']) {
    t.test(`${origin} may read answers and errors`, async (t) => {
      for (const url of ['/livez', '/api/v1/me', '/nope', '/%zz', '/docs/static/nope']) {
        const { headers } = await get(url, { origin });
        t.equal(headers['access-control-allow-origin'], origin, url);
        t.match(headers['access-control-expose-headers'], 'x-request-id, retry-after, www-authenticate');
        t.match(headers['vary'], 'Origin');
        t.notOk('access-control-allow-credentials' in headers);
      }
    });
  }

  for (const origin of [
    'https://app.example.evil.example',
    'https://app.example:8443',
    'http://app.example',
    'https://APP.example',
    'https://app.example/',
    'null',
    '*',
  ]) {
    t.test(`${origin} may not`, async (t) => {
      const preflight = { origin, 'access-control-request-method': 'POST' };
      for (const method of ['GET', 'OPTIONS'] as const) {
        const { headers } = await app.inject({ method, url: '/api/v1/me', headers: preflight });
        t.notOk('access-control-allow-origin' in headers);
        t.match(headers['vary'], 'Origin', 'and a cache must not take the answer for another origin');
      }
    });
  }

  t.test('a preflight is answered, without a token and for any path', async (t) => {
    const headers = {
      origin: 'https://app.example',
      'access-control-request-method': 'GET',
      'access-control-request-headers': 'authorization',
    };
    for (const url of ['/api/v1/me', '/auth/user/1', '/nope', '/docs']) {
      const answer = await app.inject({ method: 'OPTIONS', url, headers });
      t.equal(answer.statusCode, 204);
      t.equal(answer.body, '');
      t.match(answer.headers, {
        'access-control-allow-origin': 'https://app.example',
        'access-control-allow-methods': 'GET, POST, DELETE',
        'access-control-allow-headers': 'authorization, content-type, x-request-id',
        'access-control-max-age': '7200',
      });
    }
  });

  t.test('any other OPTIONS is refused as ever', async (t) => {
    const options = async (url: string, headers = {}) => {
      const response = await app.inject({ method: 'OPTIONS', url, headers });
      return { status: response.statusCode, headers: response.headers, body: response.json() };
    };
    const origin = 'https://app.example';
    for (const headers of [{}, { origin }, { 'access-control-request-method': 'GET' }]) {
      const known = await options('/api/v1/me', headers);
      refused(t, known, 'METHOD_NOT_ALLOWED');
      t.equal(known.headers['allow'], 'GET, HEAD');
      refused(t, await options('/nope', headers), 'NOT_FOUND');
      refused(t, await options('/%zz', headers), 'MALFORMED_REQUEST');
    }
    for (const url of ['/docs', '/', '/docs/static/swagger-ui.css']) {
      refused(t, await options(url), 'METHOD_NOT_ALLOWED');
    }
  });
});
