import t from 'tap';
import type { ErrorCode } from '../../src/errors.ts';
import { startApp } from '../support/app.ts';
import { refused } from '../support/refused.ts';

// What a page loads by itself, as opposed to links that a reader may click
const loaded =
  /<(?:script|link|img|iframe|style|source)\b[^>]*?(?:src|href)="([^"]*)"|@import|url\(\s*['"]?(https?:|\/\/)/gi;

t.test('the readers’ pages', async (t) => {
  const { app, get, logLines } = await startApp(t);

  t.test('GET / leads to /docs', async (t) => {
    const { statusCode, headers } = await app.inject({ url: '/' });
    t.equal(statusCode, 302);
    t.equal(headers.location, '/docs');
  });

  t.test('what a file cannot be served for is refused like all else', async (t) => {
    const conditions: [header: string, value: string, code: ErrorCode][] = [
      ['range', 'bytes=99999999-', 'RANGE_NOT_SATISFIABLE'],
      ['range', 'bytes=5-1', 'RANGE_NOT_SATISFIABLE'],
      ['if-match', '"another"', 'PRECONDITION_FAILED'],
      ['if-unmodified-since', 'Mon, 01 Jan 2001 00:00:00 GMT', 'PRECONDITION_FAILED'],
    ];
    for (const url of ['/docs/static/swagger-ui.css', '/redoc/redoc.standalone.js']) {
      for (const [header, value, code] of conditions) refused(t, await get(url, { [header]: value }), code);
    }
    t.notOk(
      logLines.some(({ level }) => Number(level) >= 50),
      'which is nobody’s error',
    );
  });

  const policies = {
    '/docs':
      "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none';",
    '/redoc':
      "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'; worker-src 'self' blob:",
  };
  for (const [url, policy] of Object.entries(policies)) {
    t.test(`${url} loads nothing from elsewhere, and everything it loads is there`, async (t) => {
      const { statusCode, headers, body } = await app.inject({ url });
      t.equal(statusCode, 200);
      t.equal(headers['content-type'], 'text/html; charset=utf-8');
      t.equal(headers['content-security-policy'], policy);
      t.notMatch(body, /<script>|onload=/, 'no inline script, which the policy forbids');
      const references = [...body.matchAll(loaded)].map(([, reference = '']) => reference);
      t.ok(references.length >= 3);
      for (const reference of references.filter((each) => each !== 'data:,')) {
        t.match(reference, /^\/\w/, 'of this server');
        const asset = await app.inject({ url: reference });
        t.equal(asset.statusCode, 200, reference);
        t.match(
          asset.headers['content-type'],
          /^(text\/css|text\/javascript|application\/javascript|image\/(png|svg\+xml))/,
        );
        if (reference.endsWith('.css')) t.notMatch(asset.body, /@import|url\(\s*['"]?(https?:|\/\/)/);
      }
    });
  }

  t.test('on plain HTTP they have no header that browsers complain of there', async (t) => {
    const forSecurePages = ['cross-origin-opener-policy', 'origin-agent-cluster'];
    const proxied = await startApp(t, { env: { TRUST_PROXY: '127.0.0.1' } });
    for (const url of ['/docs', '/docs/', '/redoc', '/redoc/start.js']) {
      const plain = await app.inject({ url });
      const behindTls = await proxied.app.inject({ url, headers: { 'x-forwarded-proto': 'https' } });
      const claimed = await app.inject({ url, headers: { 'x-forwarded-proto': 'https' } });
      for (const name of forSecurePages) {
        t.notOk(name in plain.headers);
        t.ok(name in behindTls.headers);
        t.notOk(name in claimed.headers);
      }
      for (const answer of [plain, behindTls]) t.equal(answer.headers['x-content-type-options'], 'nosniff');
    }
  });

  t.test('Swagger UI asks no validator and reads the document of this server', async (t) => {
    const { body } = await app.inject({ url: '/docs/static/swagger-initializer.js' });
    t.match(body, /"validatorUrl": ?null/);
    t.match(body, "resolveUrl('./json')");
    t.notMatch(body, /https?:\/\/(?!stackoverflow)/);
    const [shown, published] = [
      await app.inject({ url: '/docs/json' }),
      await app.inject({ url: '/openapi.json' }),
    ];
    t.strictSame(shown.json(), published.json());
  });

  t.test('ReDoc asks no CDN for its logo', async (t) => {
    const { body } = await app.inject({ url: '/redoc/redoc.standalone.js' });
    t.ok(body.length > 500_000);
    t.notMatch(body, /cdn\.redoc|fonts\.(googleapis|gstatic)/);
    t.match((await app.inject({ url: '/redoc/start.js' })).body, "Redoc.init('/openapi.json'");
  });

  t.test('its bundle is kept by browsers', async (t) => {
    const url = '/redoc/redoc.standalone.js';
    const { headers } = await app.inject({ url });
    t.equal(headers['cache-control'], 'public, max-age=3600');
    const etag = String(headers['etag']);
    for (const given of [etag, `"x", ${etag}`]) {
      const again = await app.inject({ url, headers: { 'if-none-match': given } });
      t.equal(again.statusCode, 304);
      t.equal(again.body, '');
      t.equal(again.headers['etag'], etag);
    }
    t.equal((await app.inject({ url, headers: { 'if-none-match': '"x"' } })).statusCode, 200);
  });
});

t.test('with DOCS=false', async (t) => {
  const { app, get } = await startApp(t, { env: { DOCS: 'false' } });

  t.test('neither page nor any part of one is there', async (t) => {
    for (const url of [
      ...['/docs', '/docs/', '/docs/json', '/docs/yaml', '/docs/static/index.html'],
      ...[
        '/docs/static/swagger-ui.css',
        '/docs/static/swagger-initializer.js',
        '/docs/static/theme/icon.svg',
      ],
      ...['/redoc', '/redoc/', '/redoc/start.js', '/redoc/redoc.standalone.js'],
    ]) {
      const answer = await get(url);
      refused(t, answer, 'NOT_FOUND');
      t.equal(answer.headers['content-security-policy'], "default-src 'none';frame-ancestors 'none'");
    }
  });

  t.test('the contract is', async (t) => {
    t.match((await get('/openapi.json')).body, { openapi: '3.0.3', paths: { '/api/v1/me': {} } });
    t.match((await app.inject('/openapi.yaml')).body, /^openapi: 3\.0\.3\n/);
  });

  t.test('and it is where a person is sent', async (t) => {
    const { statusCode, headers } = await app.inject('/');
    t.equal(statusCode, 302);
    t.equal(headers.location, '/openapi.json');
    const { body } = await get('/.well-known/oauth-authorization-server', { host: 'auth.example.com' });
    t.equal(body['service_documentation'], 'http://auth.example.com/openapi.json');
  });
});
