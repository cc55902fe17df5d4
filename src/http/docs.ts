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

// Browsers heed them on HTTPS and localhost only, and elsewhere write an error to the console
const headersOfSecurePages = ['cross-origin-opener-policy', 'origin-agent-cluster'];

const ink = '#263238';
const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path fill="${ink}" d="M1 15V5h2V3h2v2h2V3h2v2h2V3h2v2h2v10h-4v-4a3 3 0 0 0-6 0v4z"/></svg>`;

const swaggerUiOptions = {
  validatorUrl: null,
  // Without the bar that loads other documents
  layout: 'BaseLayout',
  displayOperationId: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  // Tokens are forgotten with the page
  persistAuthorization: false,
  defaultModelsExpandDepth: 0,
};

const swaggerUiStyle = `body { background: #fff; }
.swagger-ui .info { margin: 32px 0; }
.swagger-ui .scheme-container { padding: 16px 0; box-shadow: none; border-bottom: 1px solid #e0e0e0; }
.swagger-ui .response-col_links { display: none; }
@media (max-width: 640px) {
  .swagger-ui .opblock .opblock-summary .opblock-summary-operation-id { display: none; }
}
`;

// Its page has no such element, and phones would show it as wide as a desktop's
const swaggerUiViewport = `const viewport = document.createElement('meta');
viewport.name = 'viewport';
viewport.content = 'width=device-width, initial-scale=1';
document.head.append(viewport);
`;

const redocPage = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Gatehouse</title>
    <link rel="icon" type="image/svg+xml" href="/docs/static/theme/icon.svg">
    <style>body { margin: 0; }</style>
  </head>
  <body>
    <div id="redoc"></div>
    <script src="/redoc/redoc.standalone.js"></script>
    <script src="/redoc/start.js"></script>
  </body>
</html>
`;

const redocOptions = {
  expandResponses: '200,201',
  jsonSampleExpandLevel: 3,
  theme: { colors: { primary: { main: ink } }, typography: { headings: { fontWeight: '600' } } },
};

const redocStart = `Redoc.init('/openapi.json', ${JSON.stringify(redocOptions)}, document.getElementById('redoc'));
`;

/** Two readers' pages of the OpenAPI document, /docs (Swagger UI) and /redoc (ReDoc), without any outside request. */
export default async function docs(app: FastifyInstance): Promise<void> {
  app.addHook('onRequest', (request, reply, done) => {
    if (request.protocol !== 'https') for (const name of headersOfSecurePages) reply.removeHeader(name);
    done();
  });

  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: pageCsp,
    uiConfig: swaggerUiOptions,
    theme: {
      title: 'Gatehouse',
      css: [{ filename: 'gatehouse.css', content: swaggerUiStyle }],
      js: [{ filename: 'viewport.js', content: swaggerUiViewport }],
      favicon: [{ filename: 'icon.svg', rel: 'icon', type: 'image/svg+xml', sizes: 'any', content: icon }],
    },
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
