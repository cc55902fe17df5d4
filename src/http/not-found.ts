import type { FastifyInstance, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import createRouter, { type HTTPMethod } from 'find-my-way';
import { ApiError } from '../errors.ts';
import { isReadable, pathOf } from './request-target.ts';
import { maxParamLength } from './server-options.ts';

/**
 * Tells an unknown path (404) from a known one with a wrong method (405 and Allow, RFC 9110 §15.5.6). Registered
 * before the routes, because it keeps a list of them. Both are answered before a body is read.
 */
export default fp(
  async (app: FastifyInstance) => {
    const methodsByUrl = new Map<string, Set<HTTPMethod>>();
    app.addHook('onRoute', ({ url, method }) => {
      const methods = methodsByUrl.get(url) ?? new Set();
      for (const each of [method].flat()) methods.add(each as HTTPMethod);
      // Fastify derives each HEAD from a GET, and for a prefix with a trailing slash tells only of the HEAD
      if (methods.has('HEAD')) methods.add('GET');
      methodsByUrl.set(url, methods);
    });

    const paths = createRouter({ maxParamLength });
    // Paths without a parameter that a route with one matches too
    const shadowing = new Set<string>();
    let answered: HTTPMethod[] = [];
    app.addHook('onReady', async () => {
      answered = [...new Set([...methodsByUrl.values()].flatMap((methods) => [...methods]))].sort();
      for (const [url, methods] of methodsByUrl) {
        // "*" is the preflight route of CORS, which is no path of ours
        if (url !== '*') paths.on([...methods], url, () => {});
      }
      const withParams = createRouter({ maxParamLength });
      for (const [url, methods] of methodsByUrl)
        if (url.includes(':')) withParams.on([...methods], url, () => {});
      for (const url of methodsByUrl.keys())
        if (!url.includes(':') && answered.some((each) => withParams.find(each, url) !== null))
          shadowing.add(url);
    });

    /** OpenAPI 3.0.3 §4.7.8.2: /auth/user/create is no id of /auth/user/:user_id, whatever the method. */
    function isShadowed(request: FastifyRequest): boolean {
      // First, as Fastify makes an object of a dozen members each time it is asked for the route
      return shadowing.has(pathOf(request.url)) && (request.routeOptions.url?.includes(':') ?? false);
    }

    function refusal({ originalUrl, url, method }: FastifyRequest): ApiError {
      if (!isReadable(originalUrl)) return new ApiError('MALFORMED_REQUEST', { cause: 'percent-encoding' });
      const path = pathOf(url);
      const concrete = methodsByUrl.get(path);
      const allow = answered.filter((each) => concrete?.has(each) ?? paths.find(each, path) !== null);
      if (allow.length === 0 || allow.some((each) => each === method)) return new ApiError('NOT_FOUND');
      return new ApiError('METHOD_NOT_ALLOWED', { allow });
    }

    app.addHook('onRequest', (request, _reply, done) => {
      if (request.is404 || isShadowed(request)) throw refusal(request);
      done();
    });
    // Reached when a plugin declines a request it was routed: a static file that is not there, an OPTIONS that is no preflight
    app.setNotFoundHandler((request) => {
      throw refusal(request);
    });
  },
  { name: 'not-found', dependencies: ['error-handler'] },
);
