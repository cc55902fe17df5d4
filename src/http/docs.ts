import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';

// The build puts ReDoc there, without the logo that it would ask a CDN for
const assets = fileURLToPath(new URL('../../dist/assets', import.meta.url));

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
    uiConfig: { validatorUrl: null },
    theme: { title: 'Gatehouse' },
  });

  app.get('/redoc', { schema: { hide: true } }, (_request, reply) =>
    reply.header('content-security-policy', redocCsp).type('text/html; charset=utf-8').send(redocPage),
  );
  app.get('/redoc/start.js', { schema: { hide: true } }, (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(redocStart),
  );

  await app.register(fastifyStatic, {
    root: assets,
    prefix: '/redoc/',
    wildcard: false,
    decorateReply: false,
    maxAge: '1h',
  });
}
