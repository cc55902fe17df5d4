import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';

const redocBundle = fileURLToPath(new URL('../../dist/assets/redoc.standalone.js', import.meta.url));

// 'unsafe-inline' for styles only: both pages write style attributes. No upgrade-insecure-requests, which would make
// the pages blank on plain HTTP, and nothing from any other host.
const pageCsp = {
  'default-src': ["'self'"],
  'style-src': ["'self'", "'unsafe-inline'"],
  'img-src': ["'self'", 'data:'],
  'frame-ancestors': ["'none'"],
};

const redocCsp = Object.entries({ ...pageCsp, 'worker-src': ["'self'", 'blob:'] })
  .map(([directive, sources]) => `${directive} ${sources.join(' ')}`)
  .join('; ');

// In the foot of ReDoc's menu; no option turns it off
const foreignLogo = 'https://cdn.redoc.ly/redoc/logo-mini.svg';

const redocPage = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Gatehouse</title>
    <link rel="icon" href="data:,">
  </head>
  <body>
    <div id="redoc"></div>
    <script src="/redoc/redoc.standalone.js"></script>
    <script src="/redoc/start.js"></script>
  </body>
</html>
`;

const redocStart = `Redoc.init('/openapi.json', {}, document.getElementById('redoc'));
`;

/** Two readers' pages of the OpenAPI document, /docs (Swagger UI) and /redoc (ReDoc), without any outside request. */
export default async function docs(app: FastifyInstance): Promise<void> {
  app.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect('/docs'));

  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: pageCsp,
    uiConfig: { validatorUrl: null, persistAuthorization: true },
  });

  app.get('/redoc', { schema: { hide: true } }, (_request, reply) =>
    reply.header('content-security-policy', redocCsp).type('text/html; charset=utf-8').send(redocPage),
  );
  app.get('/redoc/start.js', { schema: { hide: true } }, (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(redocStart),
  );

  const bundle = Buffer.from((await readFile(redocBundle, 'utf8')).replace(foreignLogo, 'data:,'));
  const etag = `"${createHash('sha256').update(bundle).digest('base64url')}"`;
  app.get('/redoc/redoc.standalone.js', { schema: { hide: true } }, ({ headers }, reply) => {
    reply.headers({ etag, 'cache-control': 'public, max-age=3600' });
    if (headers['if-none-match']?.includes(etag)) return reply.code(304).send();
    return reply.type('text/javascript; charset=utf-8').send(bundle);
  });
}
