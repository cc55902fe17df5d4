import type { FastifyRequest } from 'fastify';
import type { Origin } from '../observability/events.ts';
import { addressOf } from './address.ts';

/** Who asks, for the events that the request causes. */
export function originOf({ id, ip, clientId, traceIds }: FastifyRequest): Origin {
  return { requestId: id, address: addressOf(ip), clientId, traceIds: traceIds ?? null };
}
