import { isIP } from 'node:net';
import { normalizeIP } from '@fastify/rate-limit';

/**
 * What is counted as one address: an IPv4 address, or the /64 network of an IPv6 address, as that is the least that one
 * subscriber gets (RFC 6177 §2). Whatever else a trusted proxy names is taken as it is.
 */
export function networkOf(address: string): string {
  const [withoutZone = ''] = address.split('%');
  return isIP(withoutZone) === 0 ? address : normalizeIP(withoutZone);
}
