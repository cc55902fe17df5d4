import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import fp from 'fastify-plugin';
import { type Config, listOf } from '../config/config.ts';

/** Security headers on every response (OWASP REST security), and CORS for the origins that are configured. */
export default fp<Pick<Config, 'CORS_ORIGINS'>>(
  async (app, config) => {
    await app.register(helmet, {
      // JSON has nothing to load; the two pages that do bring a policy of their own
      contentSecurityPolicy: {
        useDefaults: false,
        directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] },
      },
    });
    const origins = listOf(config.CORS_ORIGINS);
    if (origins.length === 0) return;
    await app.register(cors, {
      origin: origins,
      methods: ['GET', 'POST'],
      allowedHeaders: ['authorization', 'content-type', 'x-request-id'],
      exposedHeaders: ['x-request-id', 'retry-after', 'www-authenticate'],
      maxAge: 7200,
    });
  },
  { name: 'security-headers' },
);
