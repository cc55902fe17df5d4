import { createRequire } from 'node:module';
import swagger, { type FastifyDynamicSwaggerOptions } from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import { complete, type Document, type NotesByOperation, takeNotes } from './document.ts';
import { noBody } from './schemas/no-body.ts';
import { toYaml } from './yaml.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };

const head: NonNullable<FastifyDynamicSwaggerOptions['openapi']> = {
  openapi: '3.0.3',
  info: {
    title: 'Gatehouse',
    version,
    description:
      'User registration and authentication. Every error is `{ "detail", "error_code" }`; act on `error_code`. ' +
      'JSON is sent in UTF-8, without a member given twice, and no text holds U+0000 or a lone surrogate.',
    contact: { name: 'Whoever runs this instance' },
    license: { name: 'MIT', url: 'https://opensource.org/license/mit' },
  },
  // What a document without servers means (OpenAPI 3.0.3 §4.7.1), in writing
  servers: [{ url: '/', description: 'The host that serves this document' }],
  tags: [
    { name: 'accounts', description: 'Register and read users' },
    { name: 'sessions', description: 'Log in and stay logged in' },
    { name: 'discovery', description: 'For those who verify tokens themselves' },
    { name: 'oauth', description: 'For gateways and resource servers that check tokens' },
    { name: 'health', description: 'For orchestrators' },
  ],
  components: {
    securitySchemes: {
      accessToken: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description: 'The access token of a login or refresh',
      },
      client: {
        type: 'http',
        scheme: 'basic',
        description: 'The id and secret of a client, each form-urlencoded first (RFC 6749 §2.3.1)',
      },
    },
  },
};

export interface OpenapiOptions {
  /** The path to which `GET /` leads. */
  documentation: string;
}

/** The OpenAPI document, made from the schemas of the routes that are registered after this. */
export default fp<OpenapiOptions>(
  async (app: FastifyInstance, { documentation }) => {
    const notes: NotesByOperation = new Map();
    app.addHook('onRoute', (route) => takeNotes(notes, route));

    await app.register(swagger, {
      openapi: head,
      transform: ({ schema = {}, url }) => {
        const { body, ...rest } = schema;
        return { schema: body === noBody ? rest : schema, url };
      },
      transformObject: (made) => {
        if (!('openapiObject' in made)) throw new Error('not an OpenAPI document');
        const document = made.openapiObject;
        // The types of @fastify/swagger allow for documents that it does not make
        complete(document as Document, notes);
        return document;
      },
      // A component is called what its schema is called
      refResolver: {
        buildLocalReference: ({ $id }, _base, _fragment, i) => (typeof $id === 'string' ? $id : `Schema${i}`),
      },
    });

    app.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect(documentation));

    // As bytes, which cost a third of a string to send
    let json: Buffer | undefined;
    const asJson = () => {
      json ??= Buffer.from(JSON.stringify(app.swagger()));
      return json;
    };
    let yaml: Promise<Uint8Array> | undefined;
    const asYaml = () => {
      yaml ??= toYaml(asJson()).catch((error: unknown) => {
        // Whoever asks next may have more luck
        yaml = undefined;
        throw error;
      });
      return yaml;
    };
    app.get('/openapi.json', { schema: { hide: true } }, (_request, reply) =>
      reply.type('application/json; charset=utf-8').send(asJson()),
    );
    // RFC 9512
    app.get('/openapi.yaml', { schema: { hide: true } }, async (_request, reply) =>
      reply.type('application/yaml; charset=utf-8').send(await asYaml()),
    );
  },
  { name: 'openapi' },
);
