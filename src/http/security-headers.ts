import { IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import cors from '@fastify/cors';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import helmet from 'helmet';
import type { Config } from '../config/config.ts';
import { listOf } from '../config/schema.ts';

/** JSON has nothing to load; the two pages that do bring a policy of their own. */
export const apiPolicy = "default-src 'none';frame-ancestors 'none'";

/** What a page of another origin may read. */
export const exposedHeaders = [
  ...['x-request-id', 'retry-after', 'www-authenticate'],
  ...['ratelimit-limit', 'ratelimit-remaining', 'ratelimit-reset'],
];

/** Security headers on every response (OWASP REST security), and CORS for the origins that are configured. */
export default fp<Pick<Config, 'CORS_ORIGINS'>>(
  async (app, config) => {
    const headers = securityHeaders();
    app.addHook('onRequest', (_request, reply, done) => {
      reply.headers(headers);
      done();
    });

    const origins = listOf(config.CORS_ORIGINS);
    if (origins.length === 0) return;
    const options = {
      origin: origins,
      methods: ['GET', 'POST', 'DELETE'],
      allowedHeaders: ['authorization', 'content-type', 'x-request-id'],
      exposedHeaders,
      maxAge: 7200,
    };
    await app.register(cors, {
      delegator: (request, callback) => callback(null, { ...options, preflight: isPreflight(request) }),
    });
  },
  { name: 'security-headers' },
);

/** What helmet sets is the same for every request, and costs a good deal each time: it is asked once (docs/decisions/005). */
export function securityHeaders(): Record<string, string> {
  const response = new ServerResponse(new IncomingMessage(new Socket()));
  helmet({ contentSecurityPolicy: false })(response.req, response, (error) => {
    if (error) throw error;
  });
  return { ...texts(response.getHeaders()), 'content-security-policy': apiPolicy };
}

function texts(headers: OutgoingHttpHeaders): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
}

/** Any other OPTIONS is a method like another; the plugin would answer it 400 in plain text. */
export function isPreflight({ headers }: Pick<FastifyRequest, 'headers'>): boolean {
  return headers.origin !== undefined && headers['access-control-request-method'] !== undefined;
}
