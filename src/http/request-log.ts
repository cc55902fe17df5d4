import fp from 'fastify-plugin';

/** One line a request, once it is answered. No path parameter, query, header or body reaches it. */
export default fp(
  async (app) => {
    app.addHook('onResponse', (request, reply, done) => {
      request.log.info(
        {
          method: request.method,
          route: request.routeOptions.url ?? null,
          status: reply.statusCode,
          ms: Math.round(reply.elapsedTime * 10) / 10,
          user_id: request.userId ?? undefined,
          client_id: request.clientId ?? undefined,
          error_code: reply.errorCode ?? undefined,
        },
        'request',
      );
      done();
    });
  },
  { name: 'request-log', dependencies: ['error-handler', 'authenticate'] },
);
