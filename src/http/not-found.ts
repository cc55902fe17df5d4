import type { FastifyInstance } from 'fastify';
import fp from 'fastify-plugin';
import createRouter from 'find-my-way';
import { ApiError } from '../errors.ts';

/**
 * Tells an unknown path (404) from a known one with a wrong method (405 and Allow, RFC 9110 §15.5.6). Registered
 * before the routes, because it keeps a list of them. Both are answered before a body is read.
 */
export default fp(
  async (app: FastifyInstance) => {
    const methodsByUrl = new Map<string, Set<string>>();
    app.addHook('onRoute', ({ url, method }) => {
      const methods = methodsByUrl.get(url) ?? new Set<string>();
      for (const each of [method].flat()) methods.add(each);
      methodsByUrl.set(url, methods);
    });

    const paths = createRouter();
    app.addHook('onReady', async () => {
      for (const [url, methods] of methodsByUrl) {
        if (!url.includes('*')) paths.on('GET', url, () => {}, [...methods].sort());
      }
    });

    app.addHook('onRequest', (request, _reply, done) => {
      if (!request.is404) return done();
      const [path = ''] = request.url.split('?');
      const allow: string[] | undefined = paths.find('GET', path)?.store;
      throw allow ? new ApiError('METHOD_NOT_ALLOWED', { allow }) : new ApiError('NOT_FOUND');
    });
  },
  { name: 'not-found', dependencies: ['error-handler'] },
);
