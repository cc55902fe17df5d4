import { createRequire } from 'node:module';
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { noBody } from './schemas/no-body.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

/** The OpenAPI document, made from the schemas of the routes that are registered after this. */
export default fp(
  async (app: FastifyInstance) => {
    const withOptionalBody = new Set<string>();
    app.addHook('onRoute', ({ config, schema }) => {
      if (config?.bodyOptional && schema?.operationId) withOptionalBody.add(schema.operationId);
    });

    await app.register(swagger, {
      openapi: {
        openapi: '3.0.3',
        info: {
          title: 'Gatehouse',
          version,
          description:
            'User registration and authentication. Every error is `{ "detail", "error_code" }`; act on `error_code`.',
          license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
        },
        tags: [
          { name: 'accounts', description: 'Register and read users' },
          { name: 'sessions', description: 'Log in and stay logged in' },
          { name: 'discovery', description: 'For those who verify tokens themselves' },
          { name: 'oauth', description: 'For gateways and resource servers that check tokens' },
          { name: 'health', description: 'For orchestrators' },
        ],
        components: {
          securitySchemes: {
            accessToken: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' },
            client: {
              type: 'http',
              scheme: 'basic',
              description: 'The id and secret of a client, each form-urlencoded first (RFC 6749 §2.3.1)',
            },
          },
        },
      },
      transform: ({ schema = {}, url }) => {
        const { body, ...rest } = schema;
        return { schema: body === noBody ? rest : schema, url };
      },
      transformObject: (document) => {
        if (!('openapiObject' in document)) throw new Error('not an OpenAPI document');
        const { openapiObject } = document;
        for (const path of Object.values(openapiObject.paths ?? {})) {
          const { operationId = '', requestBody: body } = path?.post ?? {};
          if (body && 'content' in body && withOptionalBody.has(operationId)) body.required = false;
        }
        return openapiObject;
      },
      // A component is called what its schema is called
      refResolver: {
        buildLocalReference: ({ $id }, _base, _fragment, i) => (typeof $id === 'string' ? $id : `Schema${i}`),
      },
    });
    app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  },
  { name: 'openapi' },
);
