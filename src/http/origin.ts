import { isIP } from 'node:net';
import type { FastifyRequest } from 'fastify';
import type { Origin } from '../observability/events.ts';

/** Who asks, for the events that the request causes. */
export function originOf({ id, ip, clientId, traceIds }: FastifyRequest): Origin {
  return { requestId: id, address: isIP(ip) === 0 ? null : ip, clientId, traceIds: traceIds ?? null };
}
