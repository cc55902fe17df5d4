import fp from 'fastify-plugin';
import type { EventSink } from '../observability/events.ts';

declare module 'fastify' {
  interface FastifyInstance {
    events: EventSink;
  }
}

/** One line and one event a request, once it is answered. No path parameter, query, header or body reaches them. */
export default fp<{ events: EventSink }>(
  async (app, { events }) => {
    app.decorate('events', events);
    app.addHook('onResponse', (request, reply, done) => {
      const { method, userId, clientId } = request;
      const route = request.routeOptions.url ?? null;
      const { statusCode: status, elapsedTime: ms, errorCode } = reply;
      request.log.info(
        {
          method,
          route,
          status,
          ms: Math.round(ms * 10) / 10,
          user_id: userId ?? undefined,
          client_id: clientId ?? undefined,
          error_code: errorCode ?? undefined,
        },
        'request',
      );
      events.emit({ type: 'request', method, route, status, ms, errorCode });
      done();
    });
  },
  { name: 'request-log', dependencies: ['error-handler', 'authenticate'] },
);
