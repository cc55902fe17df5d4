import etag from '@fastify/etag';
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import type { FastifyRequest } from 'fastify';
import { basicRefusals } from '../http/refusals.ts';
import { emptyResponse, requestIdHeader } from '../http/schemas/response.ts';
import { jwkSetResponse, serverMetadataResponse } from '../http/schemas/well-known.ts';
import { publicJwks } from '../keys/jwks.ts';
import type { KeySet } from '../keys/key.ts';

export interface WellKnownOptions {
  keys: KeySet;
  issuer: string;
  /** The path of what people read. */
  documentation: string;
}

// Short, because a key that is about to sign has to be known before it does: see "Rotating keys" in the README
const maxAgeSeconds = 300;

const cachedHeaders = {
  ...requestIdHeader,
  'cache-control': { type: 'string', description: 'For how long it may be used without asking again' },
  etag: { type: 'string', description: 'Send it back in If-None-Match (RFC 9110 §13.1.2)' },
};
const unchanged = emptyResponse({
  description: 'What If-None-Match names is still right',
  headers: cachedHeaders,
});

/** What others need to verify tokens and to find their way, at the places that RFC 8615 sets aside. */
const wellKnownRoutes: FastifyPluginAsyncTypebox<WellKnownOptions> = async (app, options) => {
  const { keys, issuer } = options;
  // It knows no statuses: an error would get a tag as well, and become a 304 when it is asked for again
  await app.register(etag, { replyWith304: false });
  app.addHook('onSend', (request, reply, payload, done) => {
    if (reply.statusCode !== 200) reply.removeHeader('etag');
    else if (isNamed(request.headers['if-none-match'], String(reply.getHeader('etag')))) {
      reply.code(304);
      return done(null, '');
    }
    done(null, payload);
  });
  app.addHook('onRequest', (_request, reply, done) => {
    reply.header('cache-control', `public, max-age=${maxAgeSeconds}`);
    done();
  });

  const jwks = publicJwks(keys);
  app.get(
    '/.well-known/jwks.json',
    {
      schema: {
        operationId: 'getJwks',
        tags: ['discovery'],
        summary: 'Read the public keys that verify access tokens',
        description:
          'Anyone may call this (RFC 7517). Choose the key by the `kid` of a token. Empty when access tokens are signed with ' +
          'a shared secret. May be cached for five minutes; a new key is here before it signs.',
        response: {
          200: jwkSetResponse({ description: 'The keys', headers: cachedHeaders }),
          304: unchanged,
          ...basicRefusals(),
        },
      },
    },
    async () => jwks,
  );

  app.get(
    '/.well-known/oauth-authorization-server',
    {
      schema: {
        operationId: 'getServerMetadata',
        tags: ['discovery'],
        summary: 'Read where keys, introspection and revocation are',
        description:
          'Anyone may call this (RFC 8414). Tokens are not given out by an OAuth grant here, so there is no authorization ' +
          'or token endpoint. May be cached for five minutes.',
        response: {
          200: serverMetadataResponse({ description: 'The metadata', headers: cachedHeaders }),
          304: unchanged,
          ...basicRefusals(),
        },
      },
    },
    async (request, reply) => {
      const origin = originOf(issuer);
      if (origin !== undefined) return serverMetadata(options, origin);
      // Whoever asked chose the name: no shared cache may give it to others
      reply.header('cache-control', `private, max-age=${maxAgeSeconds}`).header('vary', 'host');
      return serverMetadata(options, requestedOrigin(request));
    },
  );
};

/** Whether If-None-Match names this tag, by weak comparison (RFC 9110 §13.1.2). */
function isNamed(condition: string | undefined, tag: string): boolean {
  const tags = (condition ?? '').split(',').map((each) => each.trim().replace(/^W\//, ''));
  return tags.includes(tag) || tags.includes('*');
}

const clientAuthentication = ['client_secret_basic', 'client_secret_post'];

/** RFC 8414 §2, as far as it applies to a service without OAuth grants. */
function serverMetadata({ issuer, documentation }: WellKnownOptions, origin: string) {
  return {
    issuer,
    jwks_uri: `${origin}/.well-known/jwks.json`,
    introspection_endpoint: `${origin}/oauth/introspect`,
    introspection_endpoint_auth_methods_supported: clientAuthentication,
    revocation_endpoint: `${origin}/oauth/revoke`,
    revocation_endpoint_auth_methods_supported: clientAuthentication,
    service_documentation: `${origin}${documentation}`,
    // Both have defaults that would not be true (§2)
    response_types_supported: [],
    grant_types_supported: [],
  };
}

/** An issuer that is a URL, as RFC 8414 wants it, says where the service is, whatever name a request used. */
function originOf(issuer: string): string | undefined {
  return /^https?:\/\//.test(issuer) && URL.canParse(issuer) ? issuer.replace(/\/$/, '') : undefined;
}

// RFC 9110 §7.2: a host name or IP address, and a port
const authority = /^([\w.-]+|\[[\da-f:.]+\])(:\d+)?$/i;

function requestedOrigin({ protocol, headers: { host = '' } }: FastifyRequest): string {
  return `${protocol}://${authority.test(host) ? host : 'localhost'}`;
}

export default wellKnownRoutes;
